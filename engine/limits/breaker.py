"""Circuit breaker: closes a channel that keeps failing, and lets one delivery at a time probe whether it works again.

"Open" means here that deliveries pass, "closed" that they do not.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any, NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.types import Channel, Signal
from engine.facilities.facilities import is_current
from engine.limits.backoff import bounded
from engine.specs.upstream import Breaker

# Pauses before the next probe, by the number of refusals in a row; the last one repeats. They bound the logins with an
# account that is refused: at most 16 probes in the first hour and 12 in each later one, all workers together. New
# credentials or a success start again with the first pause.
REFUSED_PAUSE_SECONDS = (5.0, 15.0, 45.0, 135.0, 300.0)
NO_ACCOUNT_PAUSE_SECONDS = (
    300.0  # Seconds between two looks at a channel without a complete account; nothing is sent meanwhile
)


def refused_pause(refusals: int) -> float:
    """Seconds until the next probe after `refusals` of them in a row."""
    return REFUSED_PAUSE_SECONDS[min(max(refusals, 1), len(REFUSED_PAUSE_SECONDS)) - 1]


class BreakerState(StrEnum):
    OPEN = "open"
    PROBE = "probe"
    CLOSED = "closed"


class CircuitBreaker:
    """Opens and closes channels. All workers share the rows of closed channels; each counts failures of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._failures: Counter[Channel] = Counter()
        self._closed: set[Channel] = set()
        self._closing: Counter[Channel] = Counter()  # closings that are being written
        self._own: dict[Channel, int] = {}  # `probe_at` as this worker wrote it when it took its probe

    def is_open(self, channel: Channel) -> bool:
        """Return whether this process takes the channel for open; the database is not read."""
        return channel not in self._closed

    def failures(self, channel: Channel) -> int:
        """Return the failures in a row in this process."""
        return self._failures[channel]

    async def state(
        self, channel: Channel, breaker: Breaker, patience: float = 0.0, *, idle: bool = True
    ) -> BreakerState:
        """Return the state of a channel, read before each claim. Only one worker at a time gets PROBE.

        A probe lasts for the longer of the breaker's pause and `patience` (seconds). Only an idle worker gets it:
        deliveries that were claimed before the closing are no probe.
        """
        parameters = {"facility": channel.facility_id, "upstream": channel.upstream}
        written = channel in self._closed and not self._closing[channel]
        row = await self.closed(channel)
        if row is None:
            if channel in self._closed and not written:
                return BreakerState.CLOSED  # its row is being written
            if written:  # another process has opened the channel
                self._forget(channel)
            return BreakerState.OPEN
        self._closed.add(channel)
        now = self._database.clock()
        if row.probe_at > now or not idle:
            return BreakerState.CLOSED
        pause = refused_pause(row.refusals + 1) if row.cause == Signal.REFUSED else breaker.pause
        following = now + int(max(pause, patience) * 1000)
        if not await self._database.execute(_PROBE, {**parameters, "now": now, "next": following}):
            return BreakerState.CLOSED
        self._own[channel] = following
        return BreakerState.PROBE

    async def probe_unused(self, channel: Channel, breaker: Breaker) -> None:
        """Give back a probe for which there was no delivery: the next one is due after the breaker's pause."""
        parameters = {"facility": channel.facility_id, "upstream": channel.upstream}
        following = self._database.clock() + int(breaker.pause * 1000)
        await self._database.execute(_SOONER, {**parameters, "own": self._own.pop(channel, 0), "next": following})

    async def closed(self, channel: Channel) -> ClosedChannel | None:
        """Return the channel as it is stored while it is closed; None if it is open."""
        return await self._database.first(_READ, {"facility": channel.facility_id, "upstream": channel.upstream})

    async def close_without_account(self, channel: Channel, reason: str, version: int | None = None) -> bool:
        """Close a channel that has no complete account. `version` and the returned value are as for `report`."""
        row = await self.closed(channel)
        if row is not None and row.reason == reason and row.probe_at > self._database.clock():
            return True  # closed for this reason already
        return await self._close(channel, Signal.REFUSED, reason, NO_ACCOUNT_PAUSE_SECONDS, version)

    async def report(
        self,
        channel: Channel,
        breaker: Breaker,
        signal: Signal,
        reason: str = "",
        retry_after: float | None = None,
        *,
        probe: bool = False,
        version: int | None = None,
    ) -> bool:
        """Note the outcome of a delivery. Only a probe opens: requests in flight at the closing were sent before it.

        `version` is the version of the credentials that it was sent with, None to close with any version. Return False
        if these were refused but others have been entered meanwhile; the channel then stays open.
        """
        match signal:
            case Signal.GOOD:
                self._failures[channel] = 0
                if probe:
                    await self._open(channel)
            case Signal.DOWN:
                await self._down(channel, reason, breaker, probe)
            case Signal.THROTTLED:
                pause = breaker.pause if retry_after is None else bounded(retry_after)
                await self._close(channel, signal, reason, pause)
            case Signal.REFUSED:
                return await self._close(channel, signal, reason, None, version)
            case Signal.NOTHING:
                pass
        return True

    async def _open(self, channel: Channel) -> None:
        own = self._own.get(channel, 0)
        self._forget(channel)
        await self._database.execute(_OPEN, {"facility": channel.facility_id, "upstream": channel.upstream, "own": own})

    async def _down(self, channel: Channel, reason: str, breaker: Breaker, probe: bool) -> None:
        self._failures[channel] += 1
        if probe or (self._failures[channel] >= breaker.failures and channel not in self._closed):
            await self._close(channel, Signal.DOWN, reason, breaker.pause)

    def _forget(self, channel: Channel) -> None:
        self._closed.discard(channel)
        self._own.pop(channel, None)
        self._failures[channel] = 0

    async def _close(
        self, channel: Channel, signal: Signal, reason: str, pause: float | None, version: int | None = None
    ) -> bool:
        """Close the channel; False, without closing, if the credentials are no longer those of `version`.

        `pause` is in seconds; None: by the number of refusals in a row.
        """
        self._closed.add(channel)
        parameters = {
            "facility": channel.facility_id,
            "upstream": channel.upstream,
            "cause": signal.value,
            "reason": reason,
            "now": self._database.clock(),
            "own": self._own.pop(channel, 0),
        }
        self._closing[channel] += 1
        try:
            closed = await self._database.write(_write_closing, parameters, pause, version)
        finally:
            self._closing[channel] -= 1
        if not closed:  # another process may have closed the channel: `state` reads that before the next claim
            self._forget(channel)
        return closed


async def _write_closing(tx: Transaction, parameters: dict[str, Any], pause: float | None, version: int | None) -> bool:
    if version is not None and not await is_current(tx, parameters["facility"], parameters["upstream"], version):
        return False
    row = await tx.first(_LOCK, parameters)
    refusals = row.refusals if row is not None else 0
    if pause is None:
        # Requests in flight when the channel was closed belong to the same refusal; a probe is a new one.
        refusals += int(row is None or row.probe_at == parameters["own"] or not refusals)
        pause = refused_pause(refusals)
    probe_at = parameters["now"] + int(pause * 1000)
    await tx.execute(_CLOSE, {**parameters, "probe": probe_at, "refusals": refusals})
    return True


class ClosedChannel(NamedTuple):
    """A channel that is closed: why, and when it is probed (epoch milliseconds)."""

    cause: str  # a Signal
    reason: str
    probe_at: int
    refusals: int


_CLOSED = (
    "SELECT cause, reason, probe_at, refusals FROM channels WHERE facility_id = :facility AND upstream = :upstream"
)
_READ = Statement(_CLOSED, ClosedChannel)
_LOCK = Statement(f"{_CLOSED} {{FOR UPDATE}}", ClosedChannel)
_PROBE = Command(
    "UPDATE channels SET probe_at = :next WHERE facility_id = :facility AND upstream = :upstream AND probe_at <= :now"
)
_SOONER = Command(
    """
UPDATE channels SET probe_at = :next
WHERE facility_id = :facility AND upstream = :upstream AND probe_at = :own AND probe_at > :next
"""
)
# Does nothing if another process has been asked to wait meanwhile: that moved `probe_at`.
_OPEN = Command("DELETE FROM channels WHERE facility_id = :facility AND upstream = :upstream AND probe_at = :own")
# The latest `probe_at` wins, except over the one that our own probe wrote: its outcome replaces it.
_CLOSE = Command(
    """
INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at, refusals)
VALUES (:facility, :upstream, :cause, :reason, :now, :probe, :refusals)
ON CONFLICT (facility_id, upstream) DO UPDATE SET cause = excluded.cause, reason = excluded.reason,
  probe_at = excluded.probe_at, refusals = excluded.refusals
WHERE channels.probe_at = :own OR channels.probe_at <= excluded.probe_at
"""
)
