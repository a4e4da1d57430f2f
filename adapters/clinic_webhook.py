"""The clinic's own system, told or asked at an address that the clinic has entered; every message is signed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from adapters.outbound.guard import AddressRefused
from adapters.outbound.http import guarded_client, post
from adapters.outbound.networks import Policy

ID, MOMENT, SIGNATURE = "X-Antar-Id", "X-Antar-Timestamp", "X-Antar-Signature"
MAX_ANSWER_BYTES = 256 * 1024  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class His:
    """Where it is, the secret that it shares with us, and the networks in which it may be."""

    address: str
    secret: str
    policy: Policy


class NotTaken(Exception):
    """It did not answer with success; the message is for a person."""


def signature(secret: str, moment: str, body: bytes) -> str:
    """`sha256=` and in hex the HMAC-SHA256 of the moment, a full stop, and the body."""
    signed = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


async def tell(
    his: His,
    id_: str,
    content: Any,
    at: int,
    patience: float,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Any:
    """Its answer as JSON, None where it is none. `at` is epoch milliseconds, `patience` seconds. Raises NotTaken."""
    body, moment = orjson.dumps(content), str(at // 1000)
    headers = {ID: id_, MOMENT: moment, SIGNATURE: signature(his.secret, moment, body)}
    headers["Content-Type"] = "application/json"
    try:
        async with asyncio.timeout(patience), guarded_client(his.policy, patience, transport) as client:
            answer = await post(client, his.address, body, headers, MAX_ANSWER_BYTES)
    except AddressRefused as error:
        raise NotTaken(str(error)) from error
    except TimeoutError as error:
        raise NotTaken("Tidak ada jawaban sampai batas waktu") from error
    except (httpx.HTTPError, OSError) as error:
        raise NotTaken(f"Tidak dapat tersambung ({type(error).__name__})") from error
    if not answer.is_success:
        raise NotTaken(f"Sistem klinik menjawab HTTP {answer.status}")
    if answer.cut:
        raise NotTaken("Jawaban sistem klinik terlalu panjang")
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
