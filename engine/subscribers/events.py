"""Events for a subscriber: the settled deliveries of a clinic, in their present state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.identifiers import masked

BATCH_EVENTS = 100
SPAN_ATTEMPTS = 5_000  # attempts of all clinics that one query looks through
SETTLED = "delivery.settled"  # type of the events
# Those that are sent again by themselves are told of when that has ended.
TOLD = (Status.SENT, Status.FAILED, Status.UNSURE, Status.BLOCKED, Status.IGNORED)

Words = Callable[[str | None], str | None]  # a stored message in words


class StatusEvent(NamedTuple):
    """A delivery that was settled; `at` is epoch milliseconds."""

    id: str  # the same each time it is told
    delivery: int
    spec: str
    key: str
    status: str
    reference: str | None
    problem: str | None
    at: int


class EventBatch(NamedTuple):
    """Events in their order, and the last attempt that they cover."""

    events: list[StatusEvent]
    until: int


async def next_batch(
    database: Database, facility: FacilityRow, specs: Collection[str], after: int, visible: int, words: Words
) -> EventBatch:
    """Return the next events after an attempt, of these types (none: all); up to `visible` nothing is missing."""
    until = min(visible, after + SPAN_ATTEMPTS)
    names = {"facility": facility.id, "after": after, "until": until}
    newest, until = _newest(await database.fetch(_ATTEMPTS, names), until)
    rows = await database.fetch(_DELIVERIES, {"ids": list(newest), "statuses": list(TOLD)})
    told = {row.id: row for row in rows if not specs or row.spec in specs}
    return EventBatch([_event(told[id_], attempt, words) for id_, attempt in newest.items() if id_ in told], until)


def as_stored(problem: str | None) -> str | None:
    """Return a message as it is stored."""
    return problem


def body(facility: FacilityRow, events: Sequence[StatusEvent]) -> dict[str, Any]:
    """Return events as a webhook gets them."""
    return {"type": SETTLED, "facility": facility.code, "events": [event._asdict() for event in events]}


def _newest(attempts: Sequence[_NewAttempt], until: int) -> tuple[dict[int, int], int]:
    """Return the last attempt of each of at most BATCH_EVENTS deliveries, by its order, and the last one covered."""
    newest: dict[int, int] = {}
    for attempt in attempts:
        if attempt.delivery_id not in newest and len(newest) == BATCH_EVENTS:
            return newest, attempt.id - 1
        newest.pop(attempt.delivery_id, None)
        newest[attempt.delivery_id] = attempt.id
    return newest, until


def _event(row: _ToldDelivery, attempt: int, words: Words) -> StatusEvent:
    # The upstream's words may repeat what it was sent.
    said = words(row.problem) if row.status != Status.SENT else None
    problem = said and masked(said, tuple(filter(None, (row.patient_name, row.patient_norm))))
    id_ = f"{row.id}-{attempt}"
    return StatusEvent(id_, row.id, row.spec, row.key, row.status, row.reference, problem, row.settled_at or 0)


class _NewAttempt(NamedTuple):
    id: int
    delivery_id: int


class _ToldDelivery(NamedTuple):
    """A delivery as it is now."""

    id: int
    spec: str
    key: str
    status: str
    reference: str | None
    problem: str | None
    settled_at: int | None
    patient_norm: str | None
    patient_name: str | None


_ATTEMPTS = Statement(
    """
SELECT id, delivery_id FROM attempts WHERE id > :after AND id <= :until AND facility_id = :facility ORDER BY id
""",
    _NewAttempt,
)
_DELIVERIES = Statement(
    """
SELECT d.id, d.spec, d.key, d.status, d.reference, d.problem, d.settled_at, d.patient_norm, d.patient_name
FROM {ids} AS v JOIN deliveries AS d ON d.id = v.id WHERE d.status IN (SELECT status FROM {statuses} AS s)
""",
    _ToldDelivery,
    ids="id bigint",
    statuses="status text",
)
