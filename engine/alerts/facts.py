"""Facts from which alerts are derived; the cost of reading them does not grow with the number of deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from engine.catalog.credential_sets import credential_sets
from engine.database.statements import Statement
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.health import ChannelHealth, channels, workers
from engine.hub import Hub
from engine.outbox.pauses.pauses import AUTOMATIC, current_pauses
from engine.problems.facts import NO_PROBLEMS, ProblemFacts
from engine.queries.completeness import Growth, growth
from engine.sources.states import FailingSource, failing_sources
from engine.subscribers.positions import failing

LOOKBACK_DAYS = 1  # days before today whose records count for the failure rate
MIN_FAILED_READS = 3  # failed reads of a code list in a row before an alert
# The reads must have failed for this long, too: an outage of minutes needs no alert.
LIST_FAILING_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class FailureShare:
    """Failed and settled records of the last days."""

    failed: int
    settled: int


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    facility: FacilityRow
    channels: tuple[ChannelHealth, ...]
    shares: Mapping[str, FailureShare]  # by upstream
    broken_lists: Mapping[str, int]  # code list that cannot be read -> since when (epoch ms)
    absent: Growth  # visits that lack what should have been handed in
    failing_sources: Mapping[str, FailingSource] = field(default_factory=dict)  # by name
    refused_paths: Mapping[str, int] = field(default_factory=dict)  # type whose path is refused -> since when
    untold: Mapping[str, int] = field(default_factory=dict)  # account that is not told -> since when (epoch ms)
    problems: ProblemFacts = NO_PROBLEMS


@dataclass(frozen=True, slots=True)
class Facts:
    now: int
    workers_alive: int
    clinics: Mapping[int, ClinicFacts]


async def facts(hub: Hub, problems: Mapping[int, ProblemFacts] | None = None) -> Facts:
    """Read all facts, with a few queries for all clinics; raises the database's error if it is not available.

    `problems` are those of each clinic, as they were reviewed last.
    """
    alive = sum(worker.alive for worker in await workers(hub.database))
    facilities, queues = list((await hub.facilities.all()).values()), await channels(hub)
    lists, shares = await _broken_lists(hub, [row.id for row in facilities]), await _shares(hub, facilities)
    ids = [row.id for row in facilities]
    grown = await growth(hub.database, ids, hub.database.clock())
    absent = {id_: grown.get(id_, Growth(id_, 0, 0)) for id_ in ids}
    sources, refused, untold = await _failing_sources(hub), await _refused_paths(hub), await _untold(hub)
    of_facility: dict[str, list[ChannelHealth]] = {}
    for queue in queues:
        of_facility.setdefault(queue.facility, []).append(queue)
    clinics = {
        row.id: ClinicFacts(
            row,
            tuple(of_facility.get(row.code, ())),
            await _without_ignored(hub, row, shares.get(row.id, {}), (problems or {}).get(row.id, NO_PROBLEMS)),
            lists.get(row.id, {}),
            absent[row.id],
            sources.get(row.id, {}),
            refused.get(row.id, {}),
            untold.get(row.id, {}),
            (problems or {}).get(row.id, NO_PROBLEMS),
        )
        for row in facilities
    }
    return Facts(hub.database.clock(), alive, clinics)


async def _shares(hub: Hub, facilities: Sequence[FacilityRow]) -> dict[int, dict[str, FailureShare]]:
    """Return facility -> upstream -> share of failures."""
    rows = [[row.id, *_days(row, hub.database.clock())] for row in facilities]
    shares: dict[int, dict[str, FailureShare]] = {}
    for row in await hub.database.fetch(_SETTLED, {"rows": rows}):
        spec = hub.catalog.specs.get(row.spec)
        if spec is not None:
            of_clinic = shares.setdefault(row.facility_id, {})
            before = of_clinic.get(spec.upstream.name, FailureShare(0, 0))
            failed = int(row.n) if row.status == Status.FAILED else 0
            of_clinic[spec.upstream.name] = FailureShare(before.failed + failed, before.settled + int(row.n))
    return shares


async def _without_ignored(
    hub: Hub, facility: FacilityRow, shares: Mapping[str, FailureShare], problems: ProblemFacts
) -> dict[str, FailureShare]:
    """Return the shares without the failures of problems that a person ignores; costs a query if there are any."""
    left = dict(shares)
    since, until = _days(facility, hub.database.clock())
    parameters = {"facility": facility.id, "rows": problems.ignored, "since": since, "until": until}
    for row in await hub.database.fetch(_IGNORED, parameters) if problems.ignored else ():
        spec = hub.catalog.specs.get(row.spec)
        if spec is not None and spec.upstream.name in left:
            before = left[spec.upstream.name]
            left[spec.upstream.name] = FailureShare(max(0, before.failed - row.n), max(0, before.settled - row.n))
    return left


def _days(facility: FacilityRow, now: int) -> tuple[str, str]:
    """Return the first and the last day whose records count for the failure rate."""
    today = facility.local(now).date()
    return (today - timedelta(days=LOOKBACK_DAYS)).isoformat(), today.isoformat()


async def _broken_lists(hub: Hub, facilities: list[int]) -> dict[int, dict[str, int]]:
    """Return the broken lists by facility; costs a look-up for each list that has failed."""
    now, known = hub.database.clock(), set(facilities)
    broken: dict[int, dict[str, int]] = {}
    for row in await hub.database.fetch(_STREAK):
        if row.facility not in known or row.list not in hub.catalog.code_lists or row.since is None:
            continue
        if row.failed >= MIN_FAILED_READS and now - row.since >= LIST_FAILING_MS:
            broken.setdefault(row.facility, {})[row.list] = row.since
    return broken


async def _failing_sources(hub: Hub) -> dict[int, dict[str, FailingSource]]:
    """Return the sources that cannot be read, by facility."""
    failing: dict[int, dict[str, FailingSource]] = {}
    for row in await failing_sources(hub.database):
        if row.source in hub.catalog.sources:
            failing.setdefault(row.facility_id, {})[row.source] = row
    return failing


async def _refused_paths(hub: Hub) -> dict[int, dict[str, int]]:
    """Return the types that are paused because their path refuses everything, by facility."""
    refused: dict[int, dict[str, int]] = {}
    for pause in await current_pauses(hub.database):
        spec = hub.catalog.specs.get(pause.spec or "")
        if pause.actor == AUTOMATIC and pause.facility_id is not None and spec is not None:
            refused.setdefault(pause.facility_id, {})[spec.name] = pause.begins_at
    return refused


async def _untold(hub: Hub) -> dict[int, dict[str, int]]:
    """Return the subscribers that do not take what they are told, by facility."""
    untold: dict[int, dict[str, int]] = {}
    declared = {access.name for access in credential_sets(hub.catalog)}
    for row in await failing(hub.database):
        if row.account in declared:
            untold.setdefault(row.facility_id, {})[row.account] = row.since
    return untold


class _SettledCount(NamedTuple):
    """Number of a clinic's records that were sent or failed."""

    facility_id: int
    spec: str
    status: str
    n: int


_SETTLED = Statement(
    """
SELECT c.facility_id, c.spec, c.status, SUM(c.n) AS n FROM {rows} AS v
JOIN counters AS c ON c.facility_id = v.facility_id AND c.date BETWEEN v.since AND v.until
WHERE c.status IN ('sent', 'failed') GROUP BY c.facility_id, c.spec, c.status
""",
    _SettledCount,
    rows="facility_id integer, since text, until text",
)


class _IgnoredCount(NamedTuple):
    """Number of the failures of a type that belong to ignored problems."""

    spec: str
    n: int


# CROSS JOIN makes SQLite keep this join order. Such a cause is that of a failure alone.
_IGNORED = Statement(
    """
SELECT d.spec, COUNT(*) AS n FROM {rows} AS v CROSS JOIN deliveries AS d
WHERE d.facility_id = :facility AND d.spec = v.spec AND d.cause = v.cause AND d.cause IS NOT NULL
  AND d.date BETWEEN :since AND :until
GROUP BY d.spec
""",
    _IgnoredCount,
    rows="spec text, cause text",
)


class _Streak(NamedTuple):
    """Failed reads of a facility's code list since its last success, and when the first began (None: none failed)."""

    facility: int
    list: str
    failed: int
    since: int | None


_FAILED = """
(SELECT %s FROM synchronisations AS s
  WHERE s.facility_id = v.facility AND s.list = v.list AND (s.state = 'failed' OR s.state = 'running' AND s.tries > 0)
  AND NOT EXISTS (SELECT 1 FROM synchronisations AS d
    WHERE d.facility_id = s.facility_id AND d.list = s.list AND d.id > s.id AND d.state = 'done'))
"""
_STREAK = Statement(
    f"""
WITH v AS (
  SELECT DISTINCT facility_id AS facility, list FROM synchronisations
  WHERE state IN ('failed', 'running') AND (state = 'failed' OR tries > 0)
)
SELECT v.facility, v.list, {_FAILED % "COALESCE(SUM(CASE WHEN s.tries > 1 THEN s.tries ELSE 1 END), 0)"} AS failed,
  {_FAILED % "MIN(s.started_at)"} AS since FROM v
""",
    _Streak,
)
