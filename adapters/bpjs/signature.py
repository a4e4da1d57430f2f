"""The headers that identify a clinic at BPJS (reference bpjs 1.3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from adapters.wire.contract import HeaderBlock, header_block

_TIMESTAMP = re.compile(rb"^X-timestamp: (\d+)\r$", re.MULTILINE)


def signature(cons_id: str, secret: str, timestamp: int) -> str:
    """base64(HMAC-SHA256(secret, "cons_id&timestamp")); it goes into the header as it is, plus signs and all."""
    digest = hmac.digest(secret.encode(), f"{cons_id}&{timestamp}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def headers(credentials: Mapping[str, str], timestamp: int, application: str = "") -> HeaderBlock:
    """Headers of one exchange. `timestamp` is in epoch seconds, UTC; an application code (PCare) takes the login along.

    Raises httpx.LocalProtocolError where a credential holds what no header may hold.
    """
    cons_id = credentials["cons_id"]
    lines = [
        ("X-cons-id", cons_id),
        ("X-timestamp", str(timestamp)),
        ("X-signature", signature(cons_id, credentials["secret_key"], timestamp)),
        ("user_key", credentials["user_key"]),
        ("Accept", "application/json"),
    ]
    if application:
        login = f"{credentials['username']}:{credentials['password']}:{application}"
        lines.append(("X-authorization", f"Basic {base64.b64encode(login.encode()).decode()}"))
    return header_block(lines)


def timestamp_of(block: HeaderBlock) -> str:
    """The timestamp that was sent: the answer is encrypted with it."""
    found = _TIMESTAMP.search(block)
    return found[1].decode() if found else ""
