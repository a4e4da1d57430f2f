"""Breaker for reads of code lists: while a channel is closed no list is read, except by the read that probes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from adapters.messages import message
from engine.code_lists.reader import Place
from engine.database.database import Database
from engine.delivery.types import Signal
from engine.errors import AntarError
from engine.limits.breaker import BreakerState, CircuitBreaker
from engine.specs.code_list import NotAsked, NotReadable


class ListProbe:
    """Connects a worker's list reads with the breaker.

    A refused account closes the channel for lists and deliveries alike, so that failed logins are bounded. No other
    failure of a list closes a channel: one list may fail while everything else works. A `separate` list neither closes
    a channel nor probes it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._breaker = CircuitBreaker(database)

    @asynccontextmanager
    async def through(self, place: Place) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Yield a callback that the read calls after each answer. Raises NotAsked while the channel is closed."""
        channel, upstream = place.channel, place.code_list.upstream
        timeouts = upstream.profile.timeouts
        state = await self._breaker.state(channel, upstream.breaker, timeouts.connect + timeouts.total)
        separate = place.code_list.separate
        if state is BreakerState.PROBE and separate:  # its refusal would say nothing about the account
            await self._breaker.probe_unused(channel, upstream.breaker)
        if state is BreakerState.CLOSED or (state is BreakerState.PROBE and separate):
            raise await self._closed(place)
        probing = state is BreakerState.PROBE

        async def report(signal: Signal, reason: str = "", retry_after: float | None = None) -> None:
            nonlocal probing
            if probing or signal is Signal.REFUSED:
                probe, probing = probing, False
                await self._breaker.report(channel, upstream.breaker, signal, reason, retry_after, probe=probe)

        try:
            yield lambda: report(Signal.GOOD)
        except NotReadable as error:
            if not (separate and error.signal is Signal.REFUSED):
                await report(error.signal, str(error), error.retry_after)
            raise
        except AntarError:  # an unreadable answer is an answer: the upstream works
            await report(Signal.GOOD)
            raise
        if probing:
            await self._breaker.probe_unused(channel, upstream.breaker)

    async def _closed(self, place: Place) -> NotAsked:
        closed = await self._breaker.closed(place.channel)
        reason, until = ("", self._database.clock()) if closed is None else (closed.reason, closed.probe_at)
        return NotAsked(message("list.waits", upstream=place.code_list.upstream.label, words=reason), until)
