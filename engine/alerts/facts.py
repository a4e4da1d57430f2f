"""What is looked at to find out whether something goes wrong; costs the same however much there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from engine import counters
from engine.database import Database
from engine.facilities import FacilityRow, all_facilities
from engine.health import ChannelHealth, channels, workers
from engine.hub import Hub
from engine.models import Status

LOOKED_BACK = 1
"""Days before today whose records count for the share of failures."""
IN_A_ROW = 3
"""So many readings of a code list failed one after the other before anybody is told."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of the settled records of the last days, how many failed."""

    failed: int
    settled: int


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    facility: FacilityRow
    channels: tuple[ChannelHealth, ...]
    shares: Mapping[str, Share]
    """By upstream."""
    broken_lists: Mapping[str, int]
    """Code lists that cannot be read, and since when (epoch ms)."""


@dataclass(frozen=True, slots=True)
class Facts:
    now: int
    workers_alive: int
    clinics: Mapping[int, ClinicFacts]


async def facts(hub: Hub) -> Facts:
    """Ask everything; raises what the database raises if it is away."""
    alive = sum(worker.alive for worker in await workers(hub.database))
    clinics = {row.id: await _clinic(hub, row) for row in await all_facilities(hub.database)}
    return Facts(hub.database.clock(), alive, clinics)


def today(database: Database, zone: str) -> date:
    """The day that it is there."""
    return datetime.fromtimestamp(database.clock() / 1000, UTC).astimezone(ZoneInfo(zone)).date()


async def _clinic(hub: Hub, facility: FacilityRow) -> ClinicFacts:
    return ClinicFacts(
        facility,
        tuple(await channels(hub, facility.id)),
        await _shares(hub, facility),
        await _broken_lists(hub, facility.id),
    )


async def _shares(hub: Hub, facility: FacilityRow) -> dict[str, Share]:
    until = today(hub.database, facility.time_zone)
    since = until - timedelta(days=LOOKED_BACK)
    counts = await counters.read(hub.database, facility.id, since.isoformat(), until.isoformat())
    found: dict[str, Share] = {}
    for name, statuses in counts.items():
        spec = hub.catalog.specs.get(name)
        if spec is not None:
            before = found.get(spec.upstream.name, Share(0, 0))
            failed = statuses.get(Status.FAILED, 0)
            settled = failed + statuses.get(Status.SENT, 0)
            found[spec.upstream.name] = Share(before.failed + failed, before.settled + settled)
    return found


async def _broken_lists(hub: Hub, facility_id: int) -> dict[str, int]:
    found = {}
    for name in hub.catalog.code_lists:
        rows = await hub.database.fetch(text(_ENDED), {"facility": facility_id, "list": name, "n": IN_A_ROW})
        if len(rows) == IN_A_ROW and all(row.state == "failed" for row in rows):
            found[name] = int(rows[-1].started_at)
    return found


_ENDED = """
SELECT state, started_at FROM synchronisations
WHERE facility_id = :facility AND list = :list AND state <> 'running' ORDER BY id DESC LIMIT :n
"""
