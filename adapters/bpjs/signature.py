"""Headers that identify a clinic to BPJS: cons_id, timestamp, signature, user key, and a login for PCare."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from adapters.wire.contract import HeaderBlock, header_block

_TIMESTAMP = re.compile(rb"^X-timestamp: (\d+)\r$", re.MULTILINE)


SECRET_HEADERS = ("X-cons-id", "X-timestamp", "X-signature", "user_key")
LOGIN_HEADER = "X-authorization"


def signature(cons_id: str, secret: str, timestamp: int) -> str:
    """Return base64(HMAC-SHA256(secret, "cons_id&timestamp")); the header takes it unquoted, including plus signs."""
    digest = hmac.digest(secret.encode(), f"{cons_id}&{timestamp}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def headers(credentials: Mapping[str, str], timestamp: int, application: str = "") -> HeaderBlock:
    """Return the headers of one request. `timestamp` is in epoch seconds; with an application code (PCare) the login is
    added.

    Raises httpx.LocalProtocolError if a credential has a character that no header may have.
    """
    cons_id = credentials["cons_id"]
    lines = [
        *zip(
            SECRET_HEADERS,
            (
                cons_id,
                str(timestamp),
                signature(cons_id, credentials["secret_key"], timestamp),
                credentials["user_key"],
            ),
            strict=True,
        ),
        ("Accept", "application/json"),
    ]
    if application:
        login = f"{credentials['username']}:{credentials['password']}:{application}"
        lines.append((LOGIN_HEADER, f"Basic {base64.b64encode(login.encode()).decode()}"))
    return header_block(lines)


def timestamp_of(block: HeaderBlock) -> str:
    """Return the timestamp of sent headers: it is part of the key of the answer's encryption."""
    match = _TIMESTAMP.search(block)
    return match[1].decode() if match else ""
