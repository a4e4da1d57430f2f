"""The breaker: a channel that keeps failing is closed, one probe at a time looks whether it is back."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from sqlalchemy import Connection, text

from engine.database import Database
from engine.deliver import Outcome, Signal
from engine.outbox.entries import Channel
from engine.spec import Breaker

REFUSED_PAUSE = 300.0
"""Seconds between two probes with an account that was refused."""


class State(StrEnum):
    OPEN = "open"
    PROBE = "probe"
    CLOSED = "closed"


class Gate:
    """Knows which channels are closed. The rows are shared by all workers, the failures counted by each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._failures: Counter[Channel] = Counter()
        self._closed: set[Channel] = set()

    def is_open(self, channel: Channel) -> bool:
        """What this process knows without asking."""
        return channel not in self._closed

    async def state(self, channel: Channel, breaker: Breaker) -> State:
        """Whether to claim now; PROBE goes to one worker only, and but once per pause."""
        parameters = {"facility": channel.facility_id, "upstream": channel.upstream}
        rows = await self._database.fetch(text(_READ), parameters)
        if not rows:
            self._closed.discard(channel)
            return State.OPEN
        row = rows[0]
        self._closed.add(channel)
        now = self._database.clock()
        if row.probe_at > now:
            return State.CLOSED
        pause = REFUSED_PAUSE if row.cause == Signal.REFUSED else breaker.pause
        taken = await self._execute(_PROBE, {**parameters, "now": now, "next": now + int(pause * 1000)})
        return State.PROBE if taken else State.CLOSED

    async def refuse(self, channel: Channel, reason: str) -> None:
        """Close a channel that has no complete account."""
        await self._close(channel, Signal.REFUSED, reason, REFUSED_PAUSE)

    async def report(self, channel: Channel, outcome: Outcome, breaker: Breaker) -> None:
        """Take note of how a delivery ended."""
        match outcome.signal:
            case Signal.GOOD:
                await self._good(channel)
            case Signal.DOWN:
                self._failures[channel] += 1
                if self._failures[channel] >= breaker.failures:
                    await self._close(channel, outcome.signal, outcome.reason, breaker.pause)
            case Signal.THROTTLED:
                await self._close(channel, outcome.signal, outcome.reason, outcome.retry_after or 0.0)
            case Signal.REFUSED:
                await self._close(channel, outcome.signal, outcome.reason, REFUSED_PAUSE)
            case Signal.NOTHING:
                pass

    async def _good(self, channel: Channel) -> None:
        self._failures[channel] = 0
        if channel in self._closed:
            self._closed.discard(channel)
            await self._execute(_OPEN, {"facility": channel.facility_id, "upstream": channel.upstream})

    async def _close(self, channel: Channel, signal: Signal, reason: str, pause: float) -> None:
        if channel in self._closed:  # its probe failed; when the next one is due is written already
            return
        self._closed.add(channel)
        now = self._database.clock()
        parameters = {
            "facility": channel.facility_id,
            "upstream": channel.upstream,
            "cause": signal.value,
            "reason": reason,
            "now": now,
            "probe": now + int(pause * 1000),
        }
        await self._execute(_CLOSE, parameters)

    async def _execute(self, statement: str, parameters: dict[str, object]) -> int:
        def run(connection: Connection) -> int:
            return (connection.execute(text(statement), parameters)).rowcount

        return await self._database.write(run)


_READ = "SELECT cause, probe_at FROM channels WHERE facility_id = :facility AND upstream = :upstream"
_PROBE = """
UPDATE channels SET probe_at = :next WHERE facility_id = :facility AND upstream = :upstream AND probe_at <= :now
"""
_OPEN = "DELETE FROM channels WHERE facility_id = :facility AND upstream = :upstream"
_CLOSE = """
INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at)
VALUES (:facility, :upstream, :cause, :reason, :now, :probe)
ON CONFLICT (facility_id, upstream) DO UPDATE SET cause = excluded.cause, reason = excluded.reason,
  probe_at = excluded.probe_at
"""
