"""Settles claimed deliveries: writes status, attempts and counters and releases what waited for them, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database, as_json
from engine.database.transaction import Transaction
from engine.delivery.causes import ANY_OF, CauseKind, cause_text
from engine.delivery.status import Status
from engine.delivery.types import Channel, Lease, Settlement
from engine.failpoints import failpoint
from engine.outbox import counters
from engine.outbox.cancel import forget
from engine.outbox.code_uses import note_codes
from engine.outbox.corrections import forget_corrected


async def settle(database: Database, settlements: Sequence[Settlement], ended: Iterable[Lease] = ()) -> set[Channel]:
    """Write all in one transaction and drop the leases that ended; return the channels that have something due by it.

    Fenced by the lease: a delivery that was taken back meanwhile keeps its new state; only its attempts are stored.
    """
    leases = [[lease.id] for lease in ended]
    return await database.write(lambda tx: _settle(tx, settlements, leases))


async def _settle(tx: Transaction, settlements: Sequence[Settlement], leases: list[list[int]]) -> set[Channel]:
    now = tx.now
    parameters = {"rows": as_json([_row(settlement) for settlement in settlements]), "now": now}
    settled = await tx.rows(text(_statement(tx)), parameters)
    deltas = counters.Deltas()
    deltas.move_all((row.facility_id, row.date, row.spec, Status.SENDING, row.status) for row in settled)
    due = {Channel(row.upstream, row.facility_id) for row in settled if row.due_at is not None and row.due_at <= now}
    failpoint("settling")
    written = {row.id for row in settled}
    blocked = {row.id for row in settled if row.status == Status.BLOCKED}
    await _write_waits(tx, [s for s in settlements if s.delivery.id in blocked], now)
    # The next delivery of its sequence could not be claimed until now.
    due |= {Channel(s.delivery.upstream, s.delivery.facility_id) for s in settlements if s.delivery.sequence}
    arrived = [s for s in settlements if s.reference is not None and s.delivery.id in written]
    due |= await release(tx, [(s.delivery.facility_id, s.delivery.spec, s.delivery.key) for s in arrived], deltas)
    valid = [s for s in settlements if s.delivery.id in written]
    undone = [(s.delivery.facility_id, *target) for s in valid for target in s.undone]
    await forget(tx, undone, deltas)
    await note_codes(tx, valid)
    await forget_corrected(tx, valid)
    failpoint("released")
    await _write_attempts(tx, settlements)
    await counters.apply(tx, deltas)
    if leases:
        await tx.execute(
            text(f"DELETE FROM leases WHERE id IN (SELECT id FROM {tx.subquery({'id': 'bigint'}, 'ids')} AS v)"),
            {"ids": as_json(leases)},
        )
    return due


_COLUMNS = {
    "id": "bigint",
    "lease_id": "bigint",
    "version": "integer",
    "status": "text",
    "due_at": "bigint",
    "tries": "integer",
    "tried": "integer",
    "reference": "text",
    "sent_version": "integer",
    "requeue": "integer",
    "in_doubt": "integer",
    "http_status": "smallint",
    "code": "text",
    "problem": "text",
    "cause": "text",
    "upstream": "text",
    "body_served": "integer",
}


def _row(settlement: Settlement) -> list[Any]:
    delivery = settlement.delivery
    return [
        delivery.id,
        delivery.lease.id,
        delivery.version,
        settlement.status.value,
        settlement.due_at,
        settlement.tries,
        delivery.content if settlement.tried else 0,
        settlement.reference,
        settlement.sent_version,
        int(settlement.requeue_if_changed),
        int(settlement.in_doubt),
        settlement.http_status,
        settlement.code,
        settlement.problem,
        cause_of(settlement),
        settlement.upstream,
        int(settlement.body_served),
    ]


def cause_of(settlement: Settlement) -> str | None:
    """Return the cause by which alike failures are grouped; None unless it failed, is blocked or in doubt."""
    if settlement.status not in (Status.FAILED, Status.UNSURE, Status.BLOCKED):
        return None
    if settlement.waits:
        return cause_text(CauseKind.BLOCKED, ANY_OF.join(settlement.waits[0].specs))
    last = settlement.attempts[-1] if settlement.attempts else None
    code = settlement.code or settlement.http_status
    if last is None:
        return cause_text(CauseKind.UNSURE if settlement.in_doubt else CauseKind.BROKEN, code, words=settlement.problem)
    if last.operation == "check":
        return cause_text(CauseKind.CHECK, words=settlement.problem)
    if last.verdict == Verdict.ACCEPTED:
        return cause_text(
            CauseKind.LOOKUP if last.operation == "find" else CauseKind.BROKEN, code, words=settlement.problem
        )
    return cause_text(last.verdict, code, last.place, settlement.problem)


def _statement(tx: Transaction) -> str:
    # A version that came in meanwhile wins: the delivery is due again instead of being sent, failed or blocked.
    again = "(v.requeue = 1 AND deliveries.version <> v.version AND v.status IN ('sent', 'failed', 'blocked'))"
    return f"""
    UPDATE deliveries SET
      status = CASE WHEN {again} THEN 'queued' ELSE v.status END,
      due_at = CASE WHEN {again} THEN :now ELSE v.due_at END,
      tries = CASE WHEN {again} THEN 0 ELSE v.tries END,
      tried_version = CASE WHEN v.tried <> 0 THEN v.tried ELSE deliveries.tried_version END,
      body = CASE WHEN v.body_served = 1 THEN NULL ELSE deliveries.body END,
      upstream = COALESCE(v.upstream, deliveries.upstream),
      reference = COALESCE(v.reference, deliveries.reference),
      sent_version = COALESCE(v.sent_version, deliveries.sent_version),
      sent_at = CASE WHEN v.sent_version IS NULL THEN deliveries.sent_at ELSE :now END,
      http_status = v.http_status, code = v.code, problem = v.problem,
      cause = CASE WHEN {again} THEN NULL ELSE v.cause END,
      in_doubt = (v.in_doubt = 1), lease_id = NULL, claimed_from = NULL, settled_at = :now,
      deaths = CASE WHEN v.tried <> 0 THEN 0 ELSE deliveries.deaths END
    FROM {tx.subquery(_COLUMNS, "rows")} AS v
    WHERE deliveries.id = v.id AND deliveries.lease_id = v.lease_id
    RETURNING deliveries.id, deliveries.facility_id, deliveries.spec, deliveries.upstream, deliveries.date,
      deliveries.status, deliveries.due_at
    """


_WAIT = {
    "facility_id": "integer",
    "spec": "text",
    "key": "text",
    "delivery_id": "bigint",
    "created_at": "bigint",
    "seen": "text",
    "alternative": "smallint",
    "lane": "smallint",
}


async def _write_waits(tx: Transaction, settlements: Sequence[Settlement], now: int) -> None:
    rows = [row for settlement in settlements for row in _waits(settlement, now)]
    if rows:
        parameters, waits = {"rows": as_json(rows)}, tx.subquery(_WAIT, "rows")
        await tx.execute(text(_KEEP_WAITS % waits), parameters)
        await tx.execute(text(_COME_FORWARD % waits), parameters)


def _waits(settlement: Settlement, now: int) -> Iterator[list[Any]]:
    """Yield a row of _WAIT for each type of each awaited record."""
    delivery, seen = settlement.delivery, {(item, key): code for item, key, code in settlement.codes}
    alone = {(awaited.specs[0], awaited.key) for awaited in settlement.waits if len(awaited.specs) == 1}
    for awaited in settlement.waits:
        targets = [(spec, awaited.key) for spec in awaited.specs]
        alternative = len(targets) > 1
        if alternative and not alone.isdisjoint(targets):
            continue  # another need of the delivery waits for one of them alone
        for spec, key in targets:
            code = seen.get((spec, key))
            yield [delivery.facility_id, spec, key, delivery.id, now, code, int(alternative), delivery.lane]


_KEEP_WAITS = """
INSERT INTO waits (facility_id, spec, key, delivery_id, created_at, seen, alternative)
SELECT facility_id, spec, key, delivery_id, created_at, seen, alternative = 1 FROM %s AS v WHERE true
ON CONFLICT DO NOTHING
"""
# A delivery that others wait for moves to their lane: otherwise today's patients would wait behind the backfill.
_COME_FORWARD = """
UPDATE deliveries SET lane = v.lane
FROM (SELECT facility_id, spec, key, MIN(lane) AS lane FROM %s AS r GROUP BY facility_id, spec, key) AS v
WHERE deliveries.facility_id = v.facility_id AND deliveries.spec = v.spec AND deliveries.key = v.key
  AND deliveries.lane > v.lane AND deliveries.status <> 'sending'
"""


async def release(tx: Transaction, arrived: Sequence[tuple[int, str, str]], deltas: counters.Deltas) -> set[Channel]:
    """Release deliveries that waited for these (facility, spec, key) alone; return the channels they are due in."""
    if not arrived:
        return set()
    columns = {"facility_id": "integer", "spec": "text", "key": "text"}
    waiting = await tx.rows(
        text(
            "DELETE FROM waits WHERE (facility_id, spec, key) IN "
            f"(SELECT facility_id, spec, key FROM {tx.subquery(columns, 'rows')} AS v) "
            "RETURNING delivery_id, key, alternative"
        ),
        {"rows": as_json(arrived)},
    )
    await _end_alternatives(tx, [[row.delivery_id, row.key] for row in waiting if row.alternative])
    ids = [[id_] for id_ in sorted({row.delivery_id for row in waiting})]
    if not ids:
        return set()
    await _lock(tx, ids)
    freed = await tx.rows(
        text(
            "UPDATE deliveries SET status = 'queued', due_at = :now, problem = NULL, cause = NULL "
            f"WHERE id IN (SELECT id FROM {tx.subquery({'id': 'bigint'}, 'ids')} AS v) AND status = 'blocked' "
            "AND NOT EXISTS (SELECT 1 FROM waits WHERE waits.delivery_id = deliveries.id) "
            "RETURNING facility_id, spec, upstream, date"
        ),
        {"ids": as_json(ids), "now": tx.now},
    )
    channels = set()
    for facility_id, spec, upstream, date in freed:
        deltas.move(facility_id, date, spec, Status.BLOCKED, Status.QUEUED)
        channels.add(Channel(upstream, facility_id))
    return channels


async def _end_alternatives(tx: Transaction, rows: list[list[Any]]) -> None:
    """End the waits of a (delivery, key) for the other types of a need of which one record has arrived.

    Two needs that name overlapping types of one key end together; if one of them is still open, the delivery is blocked
    again when it is prepared.
    """
    if rows:
        ended = f"(SELECT id, key FROM {tx.subquery({'id': 'bigint', 'key': 'text'}, 'rows')} AS v)"
        query = text(f"DELETE FROM waits WHERE alternative AND (delivery_id, key) IN {ended}")
        await tx.execute(query, {"rows": as_json(rows)})


async def _lock(tx: Transaction, ids: list[list[int]]) -> None:
    # Two transactions that each bring one of the last two needs would otherwise each still see the other's wait.
    if tx.dialect != "sqlite":
        subquery = f"(SELECT id FROM {tx.subquery({'id': 'bigint'}, 'ids')} AS v)"
        query = f"SELECT id FROM deliveries WHERE id IN {subquery} ORDER BY id FOR UPDATE"
        await tx.execute(text(query), {"ids": as_json(ids)})


async def _write_attempts(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    rows = [
        (
            settlement.delivery.id,
            settlement.delivery.facility_id,
            settlement.delivery.trigger,
            settlement.delivery.version,
            attempt.at,
            attempt.milliseconds,
            attempt.operation,
            attempt.spec_hash,
            attempt.verdict,
            attempt.message,
            attempt.method,
            attempt.path,
            attempt.request,
            attempt.http_status,
            attempt.code,
            attempt.response,
        )
        for settlement in settlements
        for attempt in settlement.attempts
    ]
    await tx.insert("attempts", _ATTEMPT, rows)


_ATTEMPT = (
    "delivery_id",
    "facility_id",
    "trigger",
    "version",
    "at",
    "milliseconds",
    "operation",
    "spec_hash",
    "verdict",
    "message",
    "method",
    "path",
    "request",
    "http_status",
    "code",
    "response",
)
