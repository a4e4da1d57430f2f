"""Conditions that raise an alert, by the thresholds of a recipient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from adapters.his_database.faults import FaultKind
from engine.alerts.facts import ClinicFacts, Facts
from engine.health import ChannelHealth
from engine.sources.states import LATE

MIN_SETTLED = 10  # fewer settled records than this give no meaningful rate
# An alert about the failure rate clears below this part of its threshold; otherwise it would flap.
CLEAR_RATIO = 0.5
MIN_ABSENT = 5  # visits that became overdue within a day; fewer are a matter for the page of the day
GROWTH_RATIO = 1.5  # of the number of the day before, from which on it counts as growing


class ConditionKind(StrEnum):
    WORKERS = "workers"  # no worker is alive, so nothing is delivered
    DOWN = "down"  # a queue is closed because its upstream does not answer or throttles
    REFUSED = "refused"  # a queue is closed because the credentials are refused
    WAITING = "waiting"
    FAILURES = "failures"
    LIST = "list"  # a code list could not be read several times in a row
    ABSENT = "absent"  # more visits than the day before lack what should have been handed in
    SOURCE_AWAY = "source_away"  # a clinic's database does not answer, or too slowly
    PATH = "path"  # a path of an upstream refuses everything, so that its type is paused
    SOURCE_LATE = "source_late"  # a clinic's database has not been read for long, although nothing says why
    SOURCE = "source"  # a clinic's database cannot be read until a person does something
    TELL = "tell"  # a clinic's system does not take what it is told of its deliveries
    ESCALATED = "escalated"  # a problem has been open for longer than the clinic allows


# Seconds for which a condition has to last before people are alerted.
DELAY_SECONDS = {
    ConditionKind.WORKERS: 180,
    ConditionKind.DOWN: 180,
    ConditionKind.REFUSED: 30,
    ConditionKind.WAITING: 300,
    ConditionKind.SOURCE_AWAY: 300,
    ConditionKind.TELL: 900,
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    waiting_minutes: int
    failure_percent: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition that holds for `subject`: an upstream, code list, source or account; `n` of `of` are affected.

    The subject of an escalated problem is its key; `name` is what people call it.
    """

    facility_id: int
    kind: ConditionKind
    subject: str
    since: int
    n: int = 0
    of: int = 0
    name: str = ""

    @property
    def key(self) -> str:
        return f"{self.facility_id}/{self.kind}/{self.subject}"


def troubles(facts: Facts, thresholds: Thresholds, facility_id: int | None, alerted: frozenset[str]) -> list[Trouble]:
    """Return the troubles of a clinic, or of all; `alerted` has the keys of troubles already sent to the recipient."""
    clinics = [clinic for id_, clinic in facts.clinics.items() if facility_id in (None, id_)]
    return [trouble for clinic in clinics for trouble in _of_clinic(facts, clinic, thresholds, alerted)]


def _of_clinic(facts: Facts, clinic: ClinicFacts, limits: Thresholds, alerted: frozenset[str]) -> Iterator[Trouble]:
    id_ = clinic.facility.id
    if not facts.workers_alive:
        yield Trouble(id_, ConditionKind.WORKERS, "", facts.now)
    for channel in clinic.channels:
        yield from _of_channel(facts, id_, channel, limits, alerted)
    for upstream, share in clinic.shares.items():
        trouble = Trouble(id_, ConditionKind.FAILURES, upstream, facts.now, share.failed, share.settled)
        limit = limits.failure_percent * (CLEAR_RATIO if trouble.key in alerted else 1)
        if limits.failure_percent and share.settled >= MIN_SETTLED and share.failed * 100 >= limit * share.settled:
            yield trouble
    for name, since in clinic.broken_lists.items():
        yield Trouble(id_, ConditionKind.LIST, name, since)
    absent = Trouble(id_, ConditionKind.ABSENT, "", facts.now, clinic.absent.n, clinic.absent.before)
    # Once alerted it lasts until fewer become overdue than on the day before.
    ratio = 1 if absent.key in alerted else GROWTH_RATIO
    if clinic.absent.n >= MIN_ABSENT and clinic.absent.n >= ratio * clinic.absent.before:
        yield absent
    for name, paused_at in clinic.refused_paths.items():
        yield Trouble(id_, ConditionKind.PATH, name, paused_at)
    for name, failing in clinic.failing_sources.items():
        is_away = failing.fault in (FaultKind.AWAY, FaultKind.SLOW)
        otherwise = ConditionKind.SOURCE_LATE if failing.fault == LATE else ConditionKind.SOURCE
        kind = ConditionKind.SOURCE_AWAY if is_away else otherwise
        yield Trouble(id_, kind, name, failing.since)
    for account, since in clinic.untold.items():
        yield Trouble(id_, ConditionKind.TELL, account, since)
    for key, problem in clinic.problems.escalated.items():
        yield Trouble(id_, ConditionKind.ESCALATED, key, problem.since, problem.n, name=problem.title)


def _of_channel(
    facts: Facts, id_: int, channel: ChannelHealth, limits: Thresholds, alerted: frozenset[str]
) -> Iterator[Trouble]:
    """Yield the troubles of a channel.

    A queue that a person paused has none: what happens to its upstream meanwhile concerns nobody.
    Deliveries behind a closed queue wait for the same reason. They are no trouble of their own until the recipient
    has got the all-clear for the queue.
    """
    if channel.pause is not None:
        return
    if channel.cause:
        kind = ConditionKind.REFUSED if channel.cause == ConditionKind.REFUSED else ConditionKind.DOWN
        yield Trouble(id_, kind, channel.upstream, channel.since or facts.now)
        return
    if alerted & {Trouble(id_, kind, channel.upstream, 0).key for kind in (ConditionKind.REFUSED, ConditionKind.DOWN)}:
        return
    wait = channel.wait(facts.now)
    if wait is not None and facts.workers_alive and limits.waiting_minutes and wait >= limits.waiting_minutes * 60:
        yield Trouble(id_, ConditionKind.WAITING, channel.upstream, channel.oldest_due or facts.now)
