"""Client of SatuSehat's token endpoint (OAuth 2.0, client credentials)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from adapters.base import Account, Call, Profile, StoredToken, Verdict
from adapters.http_upstream import HttpUpstream
from adapters.messages import message
from adapters.wire.contract import Wire

# A token is renewed this long before it expires, but not before half its life is over.
RENEW_EARLY_SECONDS = 60.0

ASSUMED_LIFE_SECONDS = 300.0  # life of a token if the answer has no usable expires_in

_FORM = "application/x-www-form-urlencoded"
_GRANT = (("grant_type", "client_credentials"),)
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Outage:
    """The endpoint was not available, so nothing is known about the credentials."""

    message: str
    retry_after: float | None


class Issuer:
    """Requests tokens. Tokens decides when a request is allowed."""

    def __init__(self, profile: Profile, wire: Wire, wall: Callable[[], float]) -> None:
        self._path = str(profile.settings["token_path"])
        self._upstream = HttpUpstream(replace(profile, base_path=""), wire, wall=wall)
        self._wall = wall

    async def ask(self, account: Account) -> StoredToken | Outage:
        """Request a token; returns a token, a refusal (a token without value), or an outage."""
        form = {name: account.credentials[name] for name in ("client_id", "client_secret")}
        call = Call("POST", self._path, _GRANT, urlencode(form).encode(), _FORM)
        reply = await self._upstream.send(call, account)
        if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.REJECTED):
            return StoredToken(refused_at=self._wall(), refusal=reply.message)
        if reply.verdict is not Verdict.ACCEPTED:
            return Outage(reply.message, reply.retry_after)
        return self._read(reply.content) or Outage(message("token.absent"), None)

    def _read(self, content: Any) -> StoredToken | None:
        """Read the answer; `expires_at` is when we stop using the token, RENEW_EARLY_SECONDS before its end."""
        value = content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            return None
        life = _seconds(content.get("expires_in"))
        return StoredToken(value=value, expires_at=self._wall() + life - min(RENEW_EARLY_SECONDS, life / 2))


def _seconds(text: object) -> float:
    """Read the token's life; SatuSehat sends it as text, the standard wants a number."""
    try:
        seconds = float(str(text))
    except ValueError:
        return ASSUMED_LIFE_SECONDS
    return seconds if math.isfinite(seconds) and seconds > 0 else ASSUMED_LIFE_SECONDS
