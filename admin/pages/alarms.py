"""Alarms for the person who operates Antar: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from admin.text.words import duration, say, sentence
from engine.health import ChannelHealth, Health

# A delivery that is due for longer, while a worker is alive and the queue is open, raises an alarm.
LATE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """A problem and its remedy; `mild` if nothing has stopped, `href` is the page that helps, if there is one."""

    title: str
    remedy: str
    mild: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Facts that no queue knows. A clinic is (name, address of its settings or "")."""

    clinics: int  # that the person may see
    without_credentials: Sequence[tuple[str, str]]
    backed_up: bool


def alarms(health: Health, database: Mapping[str, str], labels: Mapping[str, str], readiness: Readiness) -> list[Alarm]:
    """Return the alarms, worst first. `database` is what /health/ready reports; `labels` are names of the upstreams."""
    return [*_alarms(health, database, labels), *_unready(readiness)]


def _unready(readiness: Readiness) -> Iterator[Alarm]:
    if not readiness.clinics:
        yield _alarm("no_facility", mild=True, href="/")
    for name, href in readiness.without_credentials:
        yield _alarm("no_credentials", mild=True, href=href, facility=name)
    if not readiness.backed_up:
        yield _alarm("no_backup", mild=True)


def _alarms(health: Health, database: Mapping[str, str], labels: Mapping[str, str]) -> Iterator[Alarm]:
    if database.get("migrations") == "behind":
        yield _alarm("migrations")
    if not health.workers_alive:
        yield _alarm("workers")
    if not health.broker_ok:
        yield _alarm("broker")
    if health.clock.prune_after is not None:
        kind, wait = "clock_ahead" if health.clock.jump > 0 else "clock_behind", health.clock.prune_after - health.now
        yield _alarm(kind, by=duration(abs(health.clock.jump) / 1000), wait=duration(wait / 1000))
    for channel in health.channels:
        label, facility, reason = labels[channel.upstream], channel.facility, sentence(channel.reason)
        if channel.pause is not None:
            continue  # what happens to its upstream meanwhile stops nothing
        if channel.cause:
            yield _alarm(channel.cause, upstream=label, facility=facility, reason=reason)
        elif health.workers_alive and _late(channel, health.now):
            age = duration(channel.wait(health.now) or 0)
            yield _alarm("late", upstream=label, facility=facility, reason=reason, age=age)


def _late(channel: ChannelHealth, now: int) -> bool:
    return channel.configured and (channel.wait(now) or 0) > LATE_SECONDS


def _alarm(kind: str, *, mild: bool = False, href: str = "", **values: str) -> Alarm:
    return Alarm(say(f"alarm.{kind}", **values), say(f"alarm.{kind}.remedy", **values), mild, href)
