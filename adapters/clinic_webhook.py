"""Signed messages to the clinic's own system, at an address that the clinic has entered."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from adapters.messages import message
from adapters.outbound.guard import AddressRefused
from adapters.outbound.http import guarded_client, post
from adapters.outbound.networks import Policy

ID, MOMENT, SIGNATURE = "X-Antar-Id", "X-Antar-Timestamp", "X-Antar-Signature"
MAX_ANSWER_BYTES = 256 * 1024  # a longer answer is refused


@dataclass(frozen=True, slots=True)
class ClinicSystem:
    """The clinic's system: its address, the secret shared with it, and the policy for networks it may be in."""

    address: str
    secret: str
    policy: Policy


class NotTaken(Exception):
    """The system did not answer with success; the message is for a person."""


def signature(secret: str, moment: str, body: bytes) -> str:
    """Return `sha256=` and, in hex, the HMAC-SHA256 of the timestamp, a full stop, and the body."""
    signed = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


async def tell(
    system: ClinicSystem,
    id_: str,
    content: Any,
    at: int,
    patience: float,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Any:
    """Post a message and return the answer as JSON, None if it is no JSON. Raises NotTaken.

    `at` is in epoch milliseconds, `patience` in seconds.
    """
    body, moment = orjson.dumps(content), str(at // 1000)
    headers = {ID: id_, MOMENT: moment, SIGNATURE: signature(system.secret, moment, body)}
    headers["Content-Type"] = "application/json"
    try:
        async with asyncio.timeout(patience), guarded_client(system.policy, patience, transport) as client:
            answer = await post(client, system.address, body, headers, MAX_ANSWER_BYTES)
    except AddressRefused as error:
        raise NotTaken(str(error)) from error
    except TimeoutError as error:
        raise NotTaken(message("outbound.no_answer")) from error
    except (httpx.HTTPError, OSError) as error:
        raise NotTaken(message("outbound.failed", error=type(error).__name__)) from error
    if not answer.is_success:
        raise NotTaken(message("clinic_system.status", status=answer.status))
    if answer.cut:
        raise NotTaken(message("clinic_system.too_long"))
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
