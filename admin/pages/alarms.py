"""What is wrong with the house, and what to do about it, for whoever keeps it running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from admin.text.words import duration, say
from engine.health import ChannelHealth, Health

LATE = 900.0
"""Seconds that a delivery may be due while workers live and the queue is open."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong, and what to do."""

    title: str
    remedy: str


def alarms(found: Health, database: Mapping[str, str], labels: Mapping[str, str]) -> list[Alarm]:
    """The worst first; `database` as /health/ready tells it, `labels` name the upstreams."""
    return list(_alarms(found, database, labels))


def _alarms(found: Health, database: Mapping[str, str], labels: Mapping[str, str]) -> Iterator[Alarm]:
    if database.get("migrations") == "behind":
        yield _alarm("migrations")
    if not found.workers_alive:
        yield _alarm("workers")
    if not found.broker_ok:
        yield _alarm("broker")
    if found.clock.prune_after is not None:
        kind, wait = "clock_ahead" if found.clock.jump > 0 else "clock_behind", found.clock.prune_after - found.now
        yield _alarm(kind, by=duration(abs(found.clock.jump) / 1000), wait=duration(wait / 1000))
    for channel in found.channels:
        told = {"upstream": labels[channel.upstream], "facility": channel.facility, "reason": channel.reason}
        if channel.cause:
            yield _alarm(channel.cause, **told)
        elif found.workers_alive and _late(channel, found.now):
            yield _alarm("late", **told, age=duration(channel.wait(found.now) or 0))


def _late(channel: ChannelHealth, now: int) -> bool:
    return channel.configured and (channel.wait(now) or 0) > LATE


def _alarm(kind: str, **told: str) -> Alarm:
    return Alarm(say(f"alarm.{kind}", **told), say(f"alarm.{kind}.remedy", **told))
