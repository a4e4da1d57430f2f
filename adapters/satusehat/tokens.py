"""Shared tokens of SatuSehat: one request for all callers and processes, and no further request after a refusal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.base import Account, Profile, Reply, StoredToken, TokenStore, Verdict
from adapters.http_upstream import NoCredential
from adapters.messages import message
from adapters.satusehat.issuer import Issuer, Outage
from adapters.wire.contract import HeaderBlock, Wire, header_block

REFUSAL_PAUSE_SECONDS = 60.0  # after a refusal the endpoint accepts only one request a minute

OUTAGE_PAUSE_SECONDS = 10.0  # pause after the endpoint was not available

POLL_SECONDS = 0.2  # pause between two checks for a token that another process is requesting

Key = tuple[int, str, str, str, int]


@dataclass(frozen=True, slots=True)
class CachedToken:
    """A token with its request headers."""

    headers: HeaderBlock
    expires_at: float

    @classmethod
    def of(cls, token: StoredToken) -> CachedToken:
        return cls(
            header_block([("Authorization", f"Bearer {token.value}"), ("Accept", "application/json")]),
            token.expires_at,
        )


class Tokens:
    """Gives every call the headers of a valid token."""

    def __init__(
        self,
        profile: Profile,
        store: TokenStore,
        wire: Wire,
        *,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = profile.name
        self._lease_seconds = profile.timeouts.connect + profile.timeouts.total + 5.0
        self._issuer = Issuer(profile, wire, wall)
        self._store = store
        self._wall = wall
        self._sleep = sleep
        self._cache: dict[Key, CachedToken] = {}
        self._requests: dict[Key, asyncio.Task[CachedToken]] = {}
        # Begin and end of a pause without requests, and the reply meanwhile.
        self._pauses: dict[Key, tuple[float, float, Reply]] = {}

    async def headers(self, account: Account, refused: HeaderBlock | None = None) -> HeaderBlock:
        """Return headers with a valid token other than the refused one; raises NoCredential."""
        key = _key(account)
        while True:
            token = self._cache.get(key)
            if token is not None and self._usable(token, refused):
                return token.headers
            token = await asyncio.shield(self._requests.get(key) or self._start(key, account, refused))
            if token.headers != refused:
                return token.headers

    def distrust(self, account: Account) -> None:
        """Request no token for a minute: a new token was refused at once, and another would be too."""
        reply = _unauthorized(message("token.refused_at_once"), REFUSAL_PAUSE_SECONDS)
        self._pause(_key(account), REFUSAL_PAUSE_SECONDS, reply)

    async def close(self) -> None:
        requests = list(self._requests.values())
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    def _usable(self, token: CachedToken, refused: HeaderBlock | None) -> bool:
        return token.headers != refused and self._wall() < token.expires_at

    def _start(self, key: Key, account: Account, refused: HeaderBlock | None) -> asyncio.Task[CachedToken]:
        """Start a task of its own, which continues if its caller is cancelled: others may wait for it, too."""
        request = asyncio.create_task(self._obtain(key, account, refused))
        self._requests[key] = request
        request.add_done_callback(lambda _: self._requests.pop(key, None))
        # Retrieve the exception, which asyncio would log if every caller has been cancelled.
        request.add_done_callback(lambda done: done.cancelled() or done.exception())
        return request

    async def _obtain(self, key: Key, account: Account, refused: HeaderBlock | None) -> CachedToken:
        """Return the token that another process stored, or a new one."""
        waited = 0.0
        while (token := await self._from_store(account, refused)) is None:
            self._heed_pause(key)
            if await self._store.lease(account, self._name, self._lease_seconds):
                token = await self._ask(key, account, refused)
                break
            if waited > self._lease_seconds:
                raise NoCredential(_unavailable(message("token.requested_elsewhere"), None))
            await self._sleep(POLL_SECONDS)
            waited += POLL_SECONDS
        self._cache[key] = token
        return token

    async def _from_store(self, account: Account, refused: HeaderBlock | None) -> CachedToken | None:
        return self._read(await self._store.load(account, self._name), refused)

    def _read(self, stored: StoredToken, refused: HeaderBlock | None) -> CachedToken | None:
        """Return the stored token if it is usable; raises NoCredential soon after a refusal."""
        if stored.value and self._usable(token := CachedToken.of(stored), refused):
            return token
        left = REFUSAL_PAUSE_SECONDS - abs(self._wall() - stored.refused_at)  # abs: a clock may have been set back
        if stored.refused_at and left > 0:
            raise NoCredential(_refused(stored.refusal, left))
        return None

    def _heed_pause(self, key: Key) -> None:
        begin, end, reply = self._pauses.get(key, (0.0, 0.0, None))
        if reply is not None and begin <= self._wall() < end:  # earlier than begin: the clock was set back
            raise NoCredential(reply)

    def _pause(self, key: Key, seconds: float, reply: Reply) -> None:
        now = self._wall()
        self._pauses[key] = (now, now + seconds, reply)

    async def _ask(self, key: Key, account: Account, refused: HeaderBlock | None) -> CachedToken:
        """Request a token while holding the lease; `save` ends the lease in every case."""
        stored = await self._store.load(account, self._name)
        try:
            # Another process may have stored a token between our check and our lease.
            present = self._read(stored, refused)
            if present is not None:
                return present
            token = await self._issuer.ask(account)
            stored = stored if isinstance(token, Outage) else token
        finally:
            await self._store.save(account, self._name, stored)
        if isinstance(token, Outage):
            pause = max(OUTAGE_PAUSE_SECONDS, token.retry_after or 0.0)
            reply = _unavailable(token.message, pause)
            self._pause(key, pause, reply)
            raise NoCredential(reply)
        if not token.value:
            raise NoCredential(_refused(token.refusal, REFUSAL_PAUSE_SECONDS))
        cached = CachedToken.of(token)
        if cached.headers == refused:  # the same token again: further requests would never end
            self.distrust(account)
            self._heed_pause(key)
        return cached


def _key(account: Account) -> Key:
    """Return the key of an account's token; credentials that are entered again, even unchanged, get a new token."""
    client_id, secret = account.credentials.get("client_id", ""), account.credentials.get("client_secret", "")
    if not client_id or not secret:
        raise NoCredential(_unauthorized(message("credentials.no_client"), None))
    return account.facility_id, account.base_url, client_id, secret, account.version


def _refused(refusal: str, retry_after: float) -> Reply:
    return _unauthorized(message("credentials.client_refused", words=refusal), retry_after)


def _unauthorized(words: str, retry_after: float | None) -> Reply:
    return Reply(Verdict.UNAUTHORIZED, message=words, sent=False, retry_after=retry_after)


def _unavailable(words: str, retry_after: float | None) -> Reply:
    text = message("token.unavailable", words=words)
    return Reply(Verdict.UNAVAILABLE, message=text, sent=False, retry_after=retry_after)
