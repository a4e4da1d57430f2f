"""Regeneration: finds sent records whose payload would now be different, and sends them again as a job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.bodies import unpacked
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.mapping.confirmed_codes import Mappings
from engine.sending.preview import payload_of
from engine.specs.record_type import Operation, Spec
from engine.value_rules.active import rules_of
from engine.value_rules.rules import ActiveRule

MAX_DELIVERIES = 10_000  # deliveries of one job; the rest is left to the next job
BATCH_DELIVERIES = 500
RECENT_MS = 3_600_000  # time for which a job stays under way at most while its deliveries wait to be sent


@dataclass(frozen=True, slots=True)
class Preview:
    """Effect of a regeneration: ids that would be sent with another payload, and ids that would be tried again."""

    changed: tuple[int, ...]
    again: tuple[int, ...]
    same: int
    faulty: int  # deliveries for which the entry can make no payload; they stay unchanged

    @property
    def ids(self) -> list[int]:
        return [*self.changed, *self.again][:MAX_DELIVERIES]


async def preview(database: Database, mappings: Mappings, spec: Spec, facility: FacilityRow) -> Preview:
    """Compare the payload that the entry makes of each sent record now with the last one sent; change nothing."""
    changed: list[int] = []
    same = faulty = 0
    rules = await rules_of(database, facility.id, spec.name)
    async for row in _sent(database, facility.id, spec.name):
        try:
            differs = await _differs(database, mappings, spec, row, facility, rules)
        except AntarError:
            faulty += 1
            continue
        if differs:
            changed.append(row.id)
        same += not differs
    unsent = await database.fetch(_UNSENT, {"facility": facility.id, "spec": spec.name, "most": MAX_DELIVERIES})
    return Preview(tuple(changed), tuple(unsent), same, faulty)


async def start(
    database: Database, mappings: Mappings, spec: Spec, facility: FacilityRow, *, reason: str, actor: str
) -> int | None:
    """Begin a job with the deliveries of the present preview and return its id; None if there are none.

    If such a job is running already its id is returned.
    """
    running = (await under_way(database, facility.id, spec.upstream.name)).get(spec.name)
    if running is not None:
        return running.id
    ids = (await preview(database, mappings, spec, facility)).ids
    if not ids:
        return None
    chosen, upstream = {"spec": spec.name, "ids": len(ids)}, spec.upstream.name
    action = Action.REGENERATE
    return await jobs.start(database, facility.id, upstream, action, ids, chosen=chosen, reason=reason, actor=actor)


async def under_way(database: Database, facility_id: int, upstream: str) -> dict[str, Regeneration]:
    """Return, by type, the job that regenerates it and has not ended, or whose deliveries are still being sent."""
    recent = database.clock() - RECENT_MS
    rows = await database.fetch(_UNDER_WAY, {"facility": facility_id, "upstream": upstream, "recent": recent})
    return {orjson.loads(row.chosen).get("spec", ""): row for row in rows}


async def _sent(database: Database, facility_id: int, spec: str) -> AsyncIterator[_Sent]:
    """Yield sent deliveries with the last request that may have arrived; in batches, so that other tasks can run."""
    last = 0
    while True:
        parameters = {"facility": facility_id, "spec": spec, "last": last, "batch": BATCH_DELIVERIES}
        rows = await database.fetch(_SENT, parameters)
        for row in rows:
            yield row._replace(request=unpacked(row.request))
        if len(rows) < BATCH_DELIVERIES:
            return
        last = rows[-1].id


async def _differs(
    database: Database,
    mappings: Mappings,
    spec: Spec,
    row: _Sent,
    facility: FacilityRow,
    rules: Sequence[ActiveRule],
) -> bool:
    """Return whether a delivery would be sent with another payload.

    A lookup is always repeated; a delivery that cannot be updated, or whose body a person wrote, never is.
    """
    if spec.endpoint is None:
        return True
    if spec.update is None or row.body is not None or row.request is None:
        return False
    payload = await payload_of(database, mappings, spec, row, facility, row.operation, rules)
    return bool(orjson.loads(orjson.dumps(payload)) != orjson.loads(row.request))


class Regeneration(NamedTuple):
    """A job that regenerates a type."""

    id: int
    chosen: str
    state: str
    done: int  # deliveries that are neither still to come nor being sent
    total: int


class _Sent(NamedTuple):
    """A sent delivery with its last request that may have arrived; None if there is none, or its body was removed."""

    id: int
    facility_id: int
    record: str
    reference: str | None
    body: str | None
    operation: Operation | None
    request: bytes | None


_SENT = Statement(
    """
SELECT d.id, d.facility_id, d.record, d.reference, d.body, a.operation, a.request
FROM (
  SELECT id, facility_id, record, reference, body FROM deliveries
  WHERE facility_id = :facility AND spec = :spec AND status = 'sent' AND id > :last ORDER BY id LIMIT :batch
) AS d
LEFT JOIN attempts AS a ON a.id = (
  SELECT MAX(b.id) FROM attempts AS b
  WHERE b.delivery_id = d.id AND b.operation IN ('create', 'update') AND b.verdict IN ('accepted', 'unsure')
)
ORDER BY d.id
""",
    _Sent,
)
_UNSENT = Statement(
    """
SELECT id FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND status IN ('failed', 'unsure', 'retrying') ORDER BY id LIMIT :most
""",
    int,
)
_UNDER_WAY = Statement(
    """
SELECT id, chosen, state, done - pending AS done, total FROM (
  SELECT id, chosen, state, done, total, (
    SELECT COUNT(*) FROM deliveries AS d
    WHERE d.job_id = j.id AND d.job_id IS NOT NULL AND d.status = 'queued'
  ) AS pending
  FROM jobs AS j
  WHERE facility_id = :facility AND upstream = :upstream AND action = 'regenerate'
  AND (state IN ('running', 'paused') OR state = 'done' AND ended_at > :recent)
) AS counted
WHERE state <> 'done' OR pending > 0
ORDER BY id
""",
    Regeneration,
)
