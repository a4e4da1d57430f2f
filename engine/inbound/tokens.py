"""Tokens of inbound callers: JWT with HS256, signed with the installation's key, invalid once credentials change."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

HEADER = {"alg": "HS256", "typ": "JWT"}
MAX_TOKEN_CHARACTERS = 1000  # the rest of a token is ignored; our tokens have about 250 characters


def is_login(credentials: Mapping[str, str], username: str, password: str) -> bool:
    """Return whether these are the clinic's credentials, in constant time. Without credentials no login is valid."""
    same_name = same(credentials.get("username", ""), username)
    same_password = same(credentials.get("password", ""), password)
    return same_name and same_password and bool(credentials.get("username")) and bool(credentials.get("password"))


def same(one: str, other: str) -> bool:
    """Compare two texts of any length and any characters in constant time."""
    left, right = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (one, other))
    return hmac.compare_digest(left, right)


def issue(key: str, account: str, facility: int, credentials: Mapping[str, str], ends_at: int) -> str:
    """Return a token for the clinic (its id) that expires at `ends_at`, epoch milliseconds."""
    claims = {"sub": facility, "aud": account, "exp": ends_at // 1000, "cred": _fingerprint(key, credentials)}
    content = f"{_encode(orjson.dumps(HEADER))}.{_encode(orjson.dumps(claims))}"
    return f"{content}.{_encode(_sign(key, content))}"


def is_good(key: str, account: str, facility: int, credentials: Mapping[str, str], token: str, now: int) -> bool:
    """Return whether we issued the token for this clinic and its present credentials, and it is valid at `now`."""
    content, _, signature = token[:MAX_TOKEN_CHARACTERS].rpartition(".")
    if not same(_encode(_sign(key, content)), signature):
        return False
    try:
        claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(content.partition(".")[2] + "=="))
    except (binascii.Error, ValueError):  # pragma: no cover - only a holder of the key could sign such a token
        return False
    ours = (claims.get("sub"), claims.get("aud")) == (facility, account)
    return ours and claims["exp"] * 1000 > now and same(claims["cred"], _fingerprint(key, credentials))


def _fingerprint(key: str, credentials: Mapping[str, str]) -> str:
    """Return a value that changes with the caller's credentials and reveals nothing of them."""
    login = {name: credentials.get(name, "") for name in ("username", "password")}
    return _encode(_sign(key, orjson.dumps(login, option=orjson.OPT_SORT_KEYS).decode())[:12])


def _sign(key: str, text: str) -> bytes:
    secret = hashlib.sha256(b"inbound:" + key.encode()).digest()
    return hmac.new(secret, text.encode("utf-8", "replace"), hashlib.sha256).digest()


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
