"""Who may ask for a token, and when: one request however many need it, never a second after a refusal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.base import Account, Profile, Reply, StoredToken, TokenStore, Verdict
from adapters.http_upstream import NoCredential
from adapters.satusehat.issuer import Issuer, Outage
from adapters.wire.contract import HeaderBlock, Wire, header_block

REFUSAL_PAUSE_SECONDS = 60.0  # seconds: after a refusal the endpoint takes one request a minute (reference 1.2)

OUTAGE_PAUSE_SECONDS = 10.0  # seconds without a request after the endpoint could not be asked

POLL_SECONDS = 0.2  # seconds between two looks whether another process has brought the token

Key = tuple[int, str, str, str, int]


@dataclass(frozen=True, slots=True)
class CachedToken:
    """A token as it is sent."""

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
        self._held: dict[Key, CachedToken] = {}
        self._flights: dict[Key, asyncio.Task[CachedToken]] = {}
        self._pauses: dict[Key, tuple[float, float, Reply]] = {}
        """From when until when nothing is asked, and what is said meanwhile."""

    async def headers(self, account: Account, refused: HeaderBlock | None = None) -> HeaderBlock:
        """Headers with a valid token that is not the refused one; raises NoCredential."""
        key = _key(account)
        while True:
            held = self._held.get(key)
            if held is not None and self._usable(held, refused):
                return held.headers
            held = await asyncio.shield(self._flights.get(key) or self._take_off(key, account, refused))
            if held.headers != refused:
                return held.headers

    def distrust(self, account: Account) -> None:
        """A new token was refused at once: another one would be too. No more of them for a minute."""
        reply = _unauthorized("Token yang baru diminta langsung ditolak", REFUSAL_PAUSE_SECONDS)
        self._pause(_key(account), REFUSAL_PAUSE_SECONDS, reply)

    async def close(self) -> None:
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _usable(self, held: CachedToken, refused: HeaderBlock | None) -> bool:
        return held.headers != refused and self._wall() < held.expires_at

    def _take_off(self, key: Key, account: Account, refused: HeaderBlock | None) -> asyncio.Task[CachedToken]:
        """A task of its own: it outlives the caller that is cancelled, for others wait for it too."""
        flight = asyncio.create_task(self._obtain(key, account, refused))
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key, None))
        flight.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # somebody may have looked, or nobody
        return flight

    async def _obtain(self, key: Key, account: Account, refused: HeaderBlock | None) -> CachedToken:
        """The token another process brought, or a new one."""
        waited = 0.0
        while (held := await self._from_store(account, refused)) is None:
            self._heed_pause(key)
            if await self._store.lease(account, self._name, self._lease_seconds):
                held = await self._ask(key, account, refused)
                break
            if waited > self._lease_seconds:
                raise NoCredential(_unavailable("permintaan token lain belum selesai", None))
            await self._sleep(POLL_SECONDS)
            waited += POLL_SECONDS
        self._held[key] = held
        return held

    async def _from_store(self, account: Account, refused: HeaderBlock | None) -> CachedToken | None:
        return self._read(await self._store.load(account, self._name), refused)

    def _read(self, stored: StoredToken, refused: HeaderBlock | None) -> CachedToken | None:
        """What of it can be used; raises NoCredential while a refusal is fresh."""
        if stored.value and self._usable(held := CachedToken.of(stored), refused):
            return held
        left = REFUSAL_PAUSE_SECONDS - abs(self._wall() - stored.refused_at)  # abs: a clock may be set back
        if stored.refused_at and left > 0:
            raise NoCredential(_refused(stored.refusal, left))
        return None

    def _heed_pause(self, key: Key) -> None:
        begin, end, reply = self._pauses.get(key, (0.0, 0.0, None))
        if reply is not None and begin <= self._wall() < end:  # before its begin: the clock was set back
            raise NoCredential(reply)

    def _pause(self, key: Key, seconds: float, reply: Reply) -> None:
        now = self._wall()
        self._pauses[key] = (now, now + seconds, reply)

    async def _ask(self, key: Key, account: Account, refused: HeaderBlock | None) -> CachedToken:
        """With the lease in hand; `save` gives it back, whatever came of it."""
        kept = await self._store.load(account, self._name)
        try:
            brought = self._read(kept, refused)  # between our look and our lease
            if brought is not None:
                return brought
            token = await self._issuer.ask(account)
            kept = kept if isinstance(token, Outage) else token
        finally:
            await self._store.save(account, self._name, kept)
        if isinstance(token, Outage):
            pause = max(OUTAGE_PAUSE_SECONDS, token.retry_after or 0.0)
            reply = _unavailable(token.message, pause)
            self._pause(key, pause, reply)
            raise NoCredential(reply)
        if not token.value:
            raise NoCredential(_refused(token.refusal, REFUSAL_PAUSE_SECONDS))
        held = CachedToken.of(token)
        if held.headers == refused:  # the same one again: asking on would never end
            self.distrust(account)
            self._heed_pause(key)
        return held


def _key(account: Account) -> Key:
    """Whose token it is: other credentials, other token; the same ones entered again are tried anew, too."""
    client_id, secret = (account.credentials.get(name, "") for name in ("client_id", "client_secret"))
    if not client_id or not secret:
        raise NoCredential(_unauthorized("Client ID atau client secret belum diisi", None))
    return account.facility_id, account.base_url, client_id, secret, account.version


def _refused(refusal: str, retry_after: float) -> Reply:
    return _unauthorized(f"Client ID atau client secret ditolak: {refusal}", retry_after)


def _unauthorized(message: str, retry_after: float | None) -> Reply:
    return Reply(Verdict.UNAUTHORIZED, message=message, sent=False, retry_after=retry_after)


def _unavailable(message: str, retry_after: float | None) -> Reply:
    return Reply(
        Verdict.UNAVAILABLE, message=f"Token tidak dapat diminta: {message}", sent=False, retry_after=retry_after
    )
