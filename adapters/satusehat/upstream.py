"""SatuSehat: FHIR over HTTP with a bearer token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from adapters.base import Account, Agent, IdentityLink, Problem, Profile, TokenStore
from adapters.http_upstream import HttpUpstream
from adapters.messages import message
from adapters.satusehat import identity_check, preflight
from adapters.satusehat.identity_check import IdentityPages
from adapters.satusehat.tokens import Tokens
from adapters.wire.contract import HeaderBlock, Wire

SETTINGS = ("token_path", "probe_path")


class SatuSehat(HttpUpstream):
    """Adds the token to each call. Credentials: client_id, client_secret, and the clinic's organization_id."""

    def __init__(
        self,
        profile: Profile,
        tokens: TokenStore,
        wire: Wire,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises ValueError if the profile lacks a setting."""
        for name in SETTINGS:
            if not str(profile.settings.get(name, "")).startswith("/"):
                raise ValueError(f"upstream {profile.name}: settings.{name} must be a path that begins with a slash")
        super().__init__(profile, wire, clock=clock, wall=wall)
        self._tokens = Tokens(profile, tokens, wire, wall=wall, sleep=sleep)
        settings = profile.settings.get(identity_check.SETTING)
        self._identity_pages = IdentityPages(profile.name, settings) if settings else None

    def check(self, payload: Any) -> Sequence[Problem]:
        return preflight.check(payload)

    def secret_headers(self) -> Sequence[str]:
        return ("Authorization",)

    async def authorize(self, account: Account) -> HeaderBlock:
        return await self._tokens.headers(account)

    async def renew(self, account: Account, refused: HeaderBlock) -> HeaderBlock:
        return await self._tokens.headers(account, refused)

    def distrust(self, account: Account) -> None:
        self._tokens.distrust(account)

    async def identity_link(self, account: Account, agent: Agent, environment: str) -> IdentityLink:
        if self._identity_pages is None:
            return IdentityLink(problem=message("identity.no_key"))
        return await self._identity_pages.link(self._ask, account, agent, environment)

    async def close(self) -> None:
        await self._tokens.close()
