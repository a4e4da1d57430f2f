"""The clinic's own system, told or asked at an address that the clinic has entered; every message is signed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

ID, MOMENT, SIGNATURE = "X-Antar-Id", "X-Antar-Timestamp", "X-Antar-Signature"
LONGEST = 256 * 1024
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class His:
    """Where it is, and the secret that it shares with us."""

    address: str
    secret: str


class NotTaken(Exception):
    """It did not answer with success; the message is for a person."""


def wrong_with(address: str) -> str:
    """What is wrong with an address, in words; empty if nothing is. A clinic's own network is not out of bounds."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "Alamat tidak dapat dibaca"
    if parts.scheme not in ("http", "https") or not host:
        return "Alamat harus dimulai dengan https:// atau http://"
    if parts.username or parts.password:
        return "Alamat tidak boleh memuat nama atau kata sandi"
    try:
        bad = ipaddress.ip_address(host).is_link_local
    except ValueError:
        bad = host.endswith(".internal")
    return "Alamat itu bukan milik klinik" if bad else ""


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
    wrong = wrong_with(his.address)
    if wrong:
        raise NotTaken(wrong)
    body, moment = orjson.dumps(content), str(at // 1000)
    headers = {ID: id_, MOMENT: moment, SIGNATURE: signature(his.secret, moment, body)}
    try:
        async with asyncio.timeout(patience), httpx.AsyncClient(transport=transport, timeout=patience) as client:
            return await _answer(client, his.address, body, {**headers, "Content-Type": "application/json"})
    except TimeoutError as error:
        raise NotTaken("Tidak ada jawaban sampai batas waktu") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotTaken(f"Tidak dapat tersambung ({type(error).__name__})") from error


async def _answer(client: httpx.AsyncClient, address: str, body: bytes, headers: dict[str, str]) -> Any:
    async with client.stream("POST", address, content=body, headers=headers, follow_redirects=False) as answer:
        if not answer.is_success:
            raise NotTaken(f"Sistem klinik menjawab HTTP {answer.status_code}")
        read = b""
        async for piece in answer.aiter_bytes():
            read += piece
            if len(read) > LONGEST:
                raise NotTaken("Jawaban sistem klinik terlalu panjang")
    try:
        return orjson.loads(read)
    except orjson.JSONDecodeError:
        return None
