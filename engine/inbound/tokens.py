"""Tokens of inbound callers: JWT with HS256, signed with the installation's key, void once the credentials change."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

HEADER = {"alg": "HS256", "typ": "JWT"}
MAX_TOKEN_CHARACTERS = 1000  # characters of a token that are looked at; ours have some 250


def is_login(credentials: Mapping[str, str], username: str, password: str) -> bool:
    """Whether these are the clinic's; takes as long whatever is wrong. Without credentials nobody may in."""
    named = same(credentials.get("username", ""), username)
    known = same(credentials.get("password", ""), password)
    return named and known and bool(credentials.get("username")) and bool(credentials.get("password"))


def same(one: str, other: str) -> bool:
    """Constant-time comparison of texts of any length and any characters."""
    left, right = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (one, other))
    return hmac.compare_digest(left, right)


def issue(key: str, account: str, facility: int, credentials: Mapping[str, str], ends_at: int) -> str:
    """A token for the clinic (its id) that ends at `ends_at`, epoch milliseconds."""
    claims = {"sub": facility, "aud": account, "exp": ends_at // 1000, "cred": _mark(key, credentials)}
    said = f"{_encode(orjson.dumps(HEADER))}.{_encode(orjson.dumps(claims))}"
    return f"{said}.{_encode(_sign(key, said))}"


def is_good(key: str, account: str, facility: int, credentials: Mapping[str, str], token: str, now: int) -> bool:
    """Whether we issued it, for this clinic and its present credentials, and it has not ended by `now`."""
    said, _, signature = token[:MAX_TOKEN_CHARACTERS].rpartition(".")
    if not same(_encode(_sign(key, said)), signature):
        return False
    try:
        claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(said.partition(".")[2] + "=="))
    except (binascii.Error, ValueError):  # pragma: no cover - only whoever has the key could sign such a thing
        return False
    ours = (claims.get("sub"), claims.get("aud")) == (facility, account)
    return ours and claims["exp"] * 1000 > now and same(claims["cred"], _mark(key, credentials))


def _mark(key: str, credentials: Mapping[str, str]) -> str:
    """Changes with what the caller logs in with, and tells nothing of it."""
    login = {name: credentials.get(name, "") for name in ("username", "password")}
    return _encode(_sign(key, orjson.dumps(login, option=orjson.OPT_SORT_KEYS).decode())[:12])


def _sign(key: str, text: str) -> bytes:
    secret = hashlib.sha256(b"inbound:" + key.encode()).digest()
    return hmac.new(secret, text.encode("utf-8", "replace"), hashlib.sha256).digest()


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
