"""Waits of blocked deliveries for other records: written with the block, ended when the record arrives.

A delivery that is due again or set aside by a person ends all of its waits. One that is set aside because a record that
it needs was withdrawn, or set aside itself, keeps this wait: when that record is back, the delivery returns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.causes import CauseKind, cause_text
from engine.delivery.status import PAUSED_LANES, Status
from engine.delivery.types import Channel, Settlement
from engine.outbox import counters
from engine.outbox.locks import lock_deliveries


async def write_waits(tx: Transaction, settlements: Sequence[Settlement], now: int) -> None:
    """Write what these deliveries wait for; what they wait for moves to their lane."""
    rows = [row for settlement in settlements for row in _waits(settlement, now)]
    if rows:
        await tx.execute(_KEEP_WAITS, {"rows": rows})
        await tx.execute(_COME_FORWARD, {"rows": rows})


def _waits(settlement: Settlement, now: int) -> Iterator[list[Any]]:
    """Yield a row of _KEEP_WAITS for each type of each awaited record."""
    delivery, seen = settlement.delivery, {(item, key): code for item, key, code in settlement.codes}
    alone = {(awaited.specs[0], awaited.key) for awaited in settlement.waits if len(awaited.specs) == 1}
    for awaited in settlement.waits:
        targets = [(spec, awaited.key) for spec in awaited.specs]
        alternative = len(targets) > 1
        if alternative and not alone.isdisjoint(targets):
            continue  # another need of the delivery waits for one of them alone
        for spec, key in targets:
            code = seen.get((spec, key))
            set_aside = settlement.status is Status.IGNORED
            row = [delivery.facility_id, spec, key, delivery.id, now, code, int(alternative), int(set_aside)]
            yield [*row, delivery.lane]


_WAIT = (
    "facility_id integer, spec text, key text, delivery_id bigint, created_at bigint, seen text, alternative smallint, "
    "set_aside smallint, lane smallint"
)


_KEEP_WAITS = Command(
    """
INSERT INTO waits (facility_id, spec, key, delivery_id, created_at, seen, alternative, set_aside)
SELECT facility_id, spec, key, delivery_id, created_at, seen, alternative = 1, set_aside = 1 FROM {rows} AS v WHERE true
ON CONFLICT DO NOTHING
""",
    rows=_WAIT,
)


# A delivery that others wait for moves to their lane: otherwise today's patients would wait behind the backfill.
_COME_FORWARD = Command(
    """
UPDATE deliveries SET lane = v.lane
FROM (SELECT facility_id, spec, key, MIN(lane) AS lane FROM {rows} AS r GROUP BY facility_id, spec, key) AS v
WHERE deliveries.facility_id = v.facility_id AND deliveries.spec = v.spec AND deliveries.key = v.key
  AND deliveries.lane > v.lane
""",
    rows=_WAIT,
)


async def release(tx: Transaction, arrived: Sequence[tuple[int, str, str]], deltas: counters.Deltas) -> set[Channel]:
    """Release deliveries that waited for these (facility, spec, key) alone; return the channels they are due in."""
    if not arrived:
        return set()
    waiting = await tx.rows(_END_WAITS, {"rows": arrived})
    await _end_alternatives(tx, [(wait.delivery_id, wait.key) for wait in waiting if wait.alternative])
    ids = sorted({wait.delivery_id for wait in waiting})
    if not ids:
        return set()
    # Two transactions that each bring one of the last two needs would otherwise each still see the other's wait.
    await lock_deliveries(tx, ids)
    return await _release(tx, ids, deltas)


async def prepare_waiting(
    tx: Transaction,
    records: Sequence[tuple[int, str, str]],
    deltas: counters.Deltas,
    also: Collection[int] = (),
) -> set[Channel]:
    """Make deliveries due that wait for these (facility, spec, key), and `also` these ids, whatever else they wait for.

    They are prepared again, and set aside or blocked by what they need now. Return the channels they are due in.
    """
    waiting = await tx.rows(_WAITING, {"rows": records}) if records else ()
    return await _prepare_again(tx, sorted({*waiting, *also}), deltas)


async def _prepare_again(tx: Transaction, ids: Sequence[int], deltas: counters.Deltas) -> set[Channel]:
    blocked = await tx.rows(_LOCK_BLOCKED, {"ids": ids}) if ids else []
    if not blocked:
        return set()
    await end_waits(tx, blocked)
    return await _release(tx, blocked, deltas)


async def return_set_aside(tx: Transaction, records: Sequence[tuple[int, str, str]], deltas: counters.Deltas) -> None:
    """Make deliveries due that were set aside because these (facility, spec, key), which are back, were withdrawn.

    What was set aside because of them returns too.
    """
    ids = sorted(set(await tx.rows(_SET_ASIDE, {"rows": records}))) if records else []
    if not ids:
        return
    await lock_deliveries(tx, ids)
    await end_waits(tx, ids)
    returned = await tx.rows(_RETURN, {"ids": ids, "now": tx.now})
    for back in returned:
        deltas.move(back.facility_id, back.date, back.spec, Status.IGNORED, Status.QUEUED)
    await return_set_aside(tx, [(back.facility_id, back.spec, back.key) for back in returned], deltas)


async def _release(tx: Transaction, ids: Sequence[int], deltas: counters.Deltas) -> set[Channel]:
    """Make those of the blocked deliveries due that wait for nothing; return their channels."""
    channels = set()
    for freed in await tx.rows(_RELEASE, {"ids": ids, "now": tx.now}):
        deltas.move(freed.facility_id, freed.date, freed.spec, Status.BLOCKED, Status.QUEUED)
        channels.add(Channel(freed.upstream, freed.facility_id))
    return channels


class ArrivedRecord(NamedTuple):
    """A record that deliveries wait for."""

    facility_id: int
    spec: str
    key: str


async def release_and_count(tx: Transaction, arrived: Sequence[ArrivedRecord]) -> set[Channel]:
    """Release deliveries that waited for these records alone, and change the counters."""
    deltas = counters.Deltas()
    due = await release(tx, [(record.facility_id, record.spec, record.key) for record in arrived], deltas)
    await counters.apply(tx, deltas)
    return due


class _Wait(NamedTuple):
    """A wait that has ended."""

    delivery_id: int
    key: str
    alternative: bool


class _Released(NamedTuple):
    """A delivery that waits for nothing any more."""

    facility_id: int
    spec: str
    upstream: str
    date: str


class _Returned(NamedTuple):
    """A delivery that is set aside no more."""

    facility_id: int
    spec: str
    key: str
    date: str


_END_WAITS = Statement(
    "DELETE FROM waits WHERE (facility_id, spec, key) IN (SELECT facility_id, spec, key FROM {rows} AS v) "
    "AND NOT set_aside RETURNING delivery_id, key, alternative",
    _Wait,
    rows="facility_id integer, spec text, key text",
)


_RELEASE = Statement(
    """
UPDATE deliveries SET status = 'queued', due_at = :now, problem = NULL, cause = NULL
WHERE id IN (SELECT id FROM {ids} AS v) AND status = 'blocked'
  AND NOT EXISTS (SELECT 1 FROM waits WHERE waits.delivery_id = deliveries.id)
RETURNING facility_id, spec, upstream, date
""",
    _Released,
    ids="id bigint",
)


_WAITING = Statement(
    "SELECT delivery_id FROM waits WHERE (facility_id, spec, key) IN (SELECT facility_id, spec, key FROM {rows} AS v) "
    "AND NOT set_aside",
    int,
    rows="facility_id integer, spec text, key text",
)
_LOCK_BLOCKED = Statement(
    "SELECT id FROM deliveries WHERE id IN (SELECT id FROM {ids} AS v) AND status = 'blocked' ORDER BY id {FOR UPDATE}",
    int,
    ids="id bigint",
)
_SET_ASIDE = Statement(
    "SELECT delivery_id FROM waits WHERE (facility_id, spec, key) IN (SELECT facility_id, spec, key FROM {rows} AS v) "
    "AND set_aside",
    int,
    rows="facility_id integer, spec text, key text",
)
# Whether a delivery `d` was set aside because a record that it needs was withdrawn, or set aside itself.
IS_SET_ASIDE = """(d.status = 'ignored' AND d.reference IS NULL
  AND EXISTS (SELECT 1 FROM waits AS s WHERE s.delivery_id = d.id AND s.set_aside))"""
# It may have been set aside while its type was paused.
_RETURN = Statement(
    """
UPDATE deliveries SET status = 'queued', due_at = :now, problem = NULL, cause = NULL, lane = lane % {lanes}
WHERE id IN (SELECT id FROM {ids} AS v) AND status = 'ignored' RETURNING facility_id, spec, key, date
""".replace("{lanes}", str(PAUSED_LANES)),
    _Returned,
    ids="id bigint",
)


async def _end_alternatives(tx: Transaction, waits: Sequence[tuple[int, str]]) -> None:
    """End the waits of a (delivery, key) for the other types of a need of which one record has arrived.

    Two needs that name overlapping types of one key end together; if one of them is still open, the delivery is blocked
    again when it is prepared.
    """
    if waits:
        await tx.execute(_END_ALTERNATIVES, {"rows": waits})


_END_ALTERNATIVES = Command(
    "DELETE FROM waits WHERE alternative AND (delivery_id, key) IN (SELECT id, key FROM {rows} AS v)",
    rows="id bigint, key text",
)


async def end_waits(tx: Transaction, ids: Sequence[int]) -> None:
    """Remove all waits of these deliveries."""
    await tx.execute(_END, {"ids": ids})


_END = Command("DELETE FROM waits WHERE delivery_id IN (SELECT id FROM {ids} AS v)", ids="id bigint")


async def tell_circles(tx: Transaction, members: Sequence[tuple[int, str]]) -> None:
    """Store with each blocked delivery of (id, text) that it waits in a circle; the text names the members."""
    await tx.execute(_TELL, {"rows": members, "cause": cause_text(CauseKind.CIRCLE)})
    await tx.execute(_MARK, {"ids": [id_ for id_, _ in members]})


async def open_circles(tx: Transaction, ids: Sequence[int]) -> set[Channel]:
    """Make deliveries due that are no longer in a circle; return their channels.

    They are prepared again, and blocked by what they wait for now.
    """
    deltas = counters.Deltas()
    due = await _prepare_again(tx, ids, deltas)
    await counters.apply(tx, deltas)
    return due


_TELL = Command(
    """
UPDATE deliveries SET problem = v.problem, cause = :cause FROM {rows} AS v
WHERE deliveries.id = v.id AND deliveries.status = 'blocked'
""",
    rows="id bigint, problem text",
)
_MARK = Command("UPDATE waits SET circle = true WHERE delivery_id IN (SELECT id FROM {ids} AS v)", ids="id bigint")
