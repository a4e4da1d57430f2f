"""Facts from which alerts are derived; the cost of reading them does not grow with the number of deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from engine.database.statements import Statement
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.health import ChannelHealth, channels, workers
from engine.hub import Hub
from engine.outbox import counters

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


@dataclass(frozen=True, slots=True)
class Facts:
    now: int
    workers_alive: int
    clinics: Mapping[int, ClinicFacts]


async def facts(hub: Hub) -> Facts:
    """Read all facts; raises the database's error if it is not available."""
    alive = sum(worker.alive for worker in await workers(hub.database))
    facilities, queues = await all_facilities(hub.database), await channels(hub)
    lists = await _broken_lists(hub, [row.id for row in facilities])
    clinics = {
        row.id: ClinicFacts(
            row,
            tuple(queue for queue in queues if queue.facility == row.code),
            await _shares(hub, row),
            lists.get(row.id, {}),
        )
        for row in facilities
    }
    return Facts(hub.database.clock(), alive, clinics)


async def _shares(hub: Hub, facility: FacilityRow) -> dict[str, FailureShare]:
    until = facility.local(hub.database.clock()).date()
    since = until - timedelta(days=LOOKBACK_DAYS)
    counts = await counters.read(hub.database, facility.id, since.isoformat(), until.isoformat())
    shares: dict[str, FailureShare] = {}
    for name, statuses in counts.items():
        spec = hub.catalog.specs.get(name)
        if spec is not None:
            before = shares.get(spec.upstream.name, FailureShare(0, 0))
            failed = statuses.get(Status.FAILED, 0)
            settled = failed + statuses.get(Status.SENT, 0)
            shares[spec.upstream.name] = FailureShare(before.failed + failed, before.settled + settled)
    return shares


async def _broken_lists(hub: Hub, facilities: list[int]) -> dict[int, dict[str, int]]:
    """Return the broken lists by facility; costs one index look-up per facility and list."""
    pairs = [(id_, name) for id_ in facilities for name in hub.catalog.code_lists]
    now = hub.database.clock()
    broken: dict[int, dict[str, int]] = {}
    for row in await hub.database.fetch(_STREAK, {"pairs": pairs}):
        if row.since is not None and row.failed >= MIN_FAILED_READS and now - row.since >= LIST_FAILING_MS:
            broken.setdefault(row.facility, {})[row.list] = row.since
    return broken


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
SELECT v.facility, v.list, {_FAILED % "COALESCE(SUM(CASE WHEN s.tries > 1 THEN s.tries ELSE 1 END), 0)"} AS failed,
  {_FAILED % "MIN(s.started_at)"} AS since FROM {{pairs}} AS v
""",
    _Streak,
    pairs="facility integer, list text",
)
