"""What is looked at to find out whether something goes wrong; costs the same however much there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.health import ChannelHealth, channels, workers
from engine.hub import Hub
from engine.outbox import counters

LOOKBACK_DAYS = 1  # days before today whose records count for the share of failures
MIN_FAILED_READS = 3  # readings of a code list that failed one after the other before anybody is told
# And for how long it has failed by then: an outage of minutes is made good by itself.
LIST_FAILING_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class FailureShare:
    """Of the settled records of the last days, how many failed."""

    failed: int
    settled: int


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    facility: FacilityRow
    channels: tuple[ChannelHealth, ...]
    shares: Mapping[str, FailureShare]  # by upstream
    broken_lists: Mapping[str, int]  # code lists that cannot be read, and since when (epoch ms)


@dataclass(frozen=True, slots=True)
class Facts:
    now: int
    workers_alive: int
    clinics: Mapping[int, ClinicFacts]


async def facts(hub: Hub) -> Facts:
    """Ask everything; raises what the database raises if it is away."""
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


def today(database: Database, zone: str) -> date:
    """The day that it is there."""
    return datetime.fromtimestamp(database.clock() / 1000, UTC).astimezone(ZoneInfo(zone)).date()


async def _shares(hub: Hub, facility: FacilityRow) -> dict[str, FailureShare]:
    until = today(hub.database, facility.time_zone)
    since = until - timedelta(days=LOOKBACK_DAYS)
    counts = await counters.read(hub.database, facility.id, since.isoformat(), until.isoformat())
    found: dict[str, FailureShare] = {}
    for name, statuses in counts.items():
        spec = hub.catalog.specs.get(name)
        if spec is not None:
            before = found.get(spec.upstream.name, FailureShare(0, 0))
            failed = statuses.get(Status.FAILED, 0)
            settled = failed + statuses.get(Status.SENT, 0)
            found[spec.upstream.name] = FailureShare(before.failed + failed, before.settled + settled)
    return found


async def _broken_lists(hub: Hub, facilities: list[int]) -> dict[int, dict[str, int]]:
    """By facility; one index look-up for each list of each."""
    pairs = as_json([[id_, name] for id_ in facilities for name in hub.catalog.code_lists])
    query = _STREAK % hub.database.rows({"facility": "integer", "list": "text"}, "pairs")
    found: dict[int, dict[str, int]] = {}
    for row in await hub.database.fetch(text(query), {"pairs": pairs}):
        if (row.failed or 0) >= MIN_FAILED_READS and hub.database.clock() - row.since >= LIST_FAILING_MS:
            found.setdefault(row.facility, {})[row.list] = int(row.since)
    return found


_FAILED = """
(SELECT %s FROM synchronisations AS s
  WHERE s.facility_id = v.facility AND s.list = v.list AND (s.state = 'failed' OR s.state = 'running' AND s.tries > 0)
  AND NOT EXISTS (SELECT 1 FROM synchronisations AS d
    WHERE d.facility_id = s.facility_id AND d.list = s.list AND d.id > s.id AND d.state = 'done'))
"""
_STREAK = f"""
SELECT v.facility, v.list, {_FAILED % "SUM(CASE WHEN s.tries > 1 THEN s.tries ELSE 1 END)"} AS failed,
  {_FAILED % "MIN(s.started_at)"} AS since FROM %s AS v
"""
