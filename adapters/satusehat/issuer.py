"""SatuSehat's token endpoint: one request, one answer (reference 1.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from adapters.base import Account, Call, Profile, StoredToken, Verdict
from adapters.http_upstream import HttpUpstream
from adapters.wire.contract import Wire

# Seconds before its end that a token is renewed; a token that lives for less than two minutes has half its life.
RENEW_EARLY_SECONDS = 60.0

ASSUMED_LIFE_SECONDS = 300.0  # seconds a token is taken to live where the answer does not say

_FORM = "application/x-www-form-urlencoded"
_GRANT = (("grant_type", "client_credentials"),)
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Outage:
    """The endpoint could not be asked; nothing is known of the credentials."""

    message: str
    retry_after: float | None


class Issuer:
    """Asks for tokens. Whether it is allowed to ask is decided by Tokens."""

    def __init__(self, profile: Profile, wire: Wire, wall: Callable[[], float]) -> None:
        self._path = str(profile.settings["token_path"])
        self._upstream = HttpUpstream(replace(profile, base_path=""), wire, wall=wall)
        self._wall = wall

    async def ask(self, account: Account) -> StoredToken | Outage:
        """A token, a refusal (a token without value), or an outage."""
        form = {name: account.credentials[name] for name in ("client_id", "client_secret")}
        call = Call("POST", self._path, _GRANT, urlencode(form).encode(), _FORM)
        reply = await self._upstream.send(call, account)
        if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.REJECTED):
            return StoredToken(refused_at=self._wall(), refusal=reply.message)
        if reply.verdict is not Verdict.ACCEPTED:
            return Outage(reply.message, reply.retry_after)
        return self._read(reply.content) or Outage("jawaban tanpa access_token", None)

    def _read(self, content: Any) -> StoredToken | None:
        """`expires_at` is when we stop using it: RENEW_EARLY_SECONDS is already taken off."""
        value = content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            return None
        life = _seconds(content.get("expires_in"))
        return StoredToken(value=value, expires_at=self._wall() + life - min(RENEW_EARLY_SECONDS, life / 2))


def _seconds(text: object) -> float:
    """Sent as text today, a number one day."""
    try:
        seconds = float(str(text))
    except ValueError:
        return ASSUMED_LIFE_SECONDS
    return seconds if math.isfinite(seconds) and seconds > 0 else ASSUMED_LIFE_SECONDS
