"""Settles claimed deliveries: writes status, attempts and counters and releases what waited for them, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from adapters.base import Verdict
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.bodies import packed
from engine.delivery.causes import ANY_OF, FOREIGN, CauseKind, cause_text
from engine.delivery.status import Status
from engine.delivery.types import Channel, Settlement
from engine.failpoints import failpoint
from engine.outbox import counters, hourly
from engine.outbox.cancel import forget
from engine.outbox.claim import batch_of, batch_text
from engine.outbox.code_uses import note_codes, note_rules
from engine.outbox.corrections import forget_corrected
from engine.outbox.locks import lock_claims
from engine.outbox.waits import prepare_waiting, release, write_waits


class Settled(NamedTuple):
    """Channels that have something due by the settlements, and ids of the leases that hold nothing any more."""

    due: set[Channel]
    ended: set[int]


async def settle(database: Database, settlements: Sequence[Settlement]) -> Settled:
    """Write all in one transaction, and take the deliveries out of their leases.

    Fenced by the lease: a delivery that it does not hold any more keeps its new state; only its attempts are stored.
    """
    return await database.write(_settle, settlements)


async def _settle(tx: Transaction, settlements: Sequence[Settlement]) -> Settled:
    now = tx.now
    undone = {(s.delivery.facility_id, *target) for s in settlements for target in s.undone}
    await lock_claims(tx, [facility_id for facility_id, _, _ in undone])
    valid, ended = await _take_out(tx, settlements)
    before = {s.delivery.id: s.delivery.claimed_from for s in valid}
    settled = await tx.rows(_SETTLE, {"rows": [_row(settlement) for settlement in valid], "now": now})
    deltas = counters.Deltas()
    deltas.move_all([(row.facility_id, row.date, row.spec, before[row.id], row.status) for row in settled])
    due = {Channel(row.upstream, row.facility_id) for row in settled if row.due_at is not None and row.due_at <= now}
    failpoint("settling")
    waiting = {row.id for row in settled if row.status in (Status.BLOCKED, Status.IGNORED)}
    await write_waits(tx, [s for s in valid if s.delivery.id in waiting], now)
    # The next delivery of its sequence could not be claimed until now.
    due |= {Channel(s.delivery.upstream, s.delivery.facility_id) for s in settlements if s.delivery.sequence}
    arrived = [s.delivery for s in valid if s.reference is not None]
    due |= await release(tx, [(delivery.facility_id, delivery.spec, delivery.key) for delivery in arrived], deltas)
    # What waits for a record that is set aside is set aside too.
    aside = [s.delivery for s in valid if s.waits and s.status is Status.IGNORED]
    due |= await prepare_waiting(
        tx, [(delivery.facility_id, delivery.spec, delivery.key) for delivery in aside], deltas
    )
    await forget(tx, [(s.delivery.facility_id, *target) for s in valid for target in s.undone], deltas)
    await note_codes(tx, valid)
    await note_rules(tx, settlements)
    await forget_corrected(tx, valid)
    failpoint("released")
    await _write_attempts(tx, settlements)
    await counters.apply(tx, deltas)
    await hourly.apply(tx, [(row.facility_id, row.spec, row.status) for row in settled], settlements)
    return Settled(due, ended)


async def _take_out(tx: Transaction, settlements: Sequence[Settlement]) -> tuple[list[Settlement], set[int]]:
    """Take the deliveries out of the batches of their leases.

    Return the settlements whose deliveries were in them, and the ids of the leases that hold nothing any more.
    """
    leases = {settlement.delivery.lease.id for settlement in settlements}
    batches = {id_: batch_of(batch) for id_, batch in await tx.rows(_LOCK_LEASES, {"ids": sorted(leases)})}
    valid = [s for s in settlements if batches.get(s.delivery.lease.id, {}).pop(s.delivery.id, None) is not None]
    if left := [(id_, batch_text(batch)) for id_, batch in batches.items() if batch]:
        await tx.execute(_KEEP_LEASES, {"rows": left})
    if empty := [id_ for id_, batch in batches.items() if not batch]:
        await tx.execute(_DROP_LEASES, {"ids": empty})
    return valid, leases - {id_ for id_, _ in left}


class _StoredLease(NamedTuple):
    id: int
    batch: str


_LOCK_LEASES = Statement(
    "SELECT id, batch FROM leases WHERE id IN (SELECT id FROM {ids} AS v) ORDER BY id {FOR UPDATE}",
    _StoredLease,
    ids="id bigint",
)
_KEEP_LEASES = Command(
    "UPDATE leases SET batch = v.batch FROM {rows} AS v WHERE leases.id = v.id", rows="id bigint, batch text"
)
_DROP_LEASES = Command("DELETE FROM leases WHERE id IN (SELECT id FROM {ids} AS v)", ids="id bigint")


def _row(settlement: Settlement) -> list[Any]:
    delivery = settlement.delivery
    return [
        delivery.id,
        delivery.version,
        settlement.status,
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
    """Return the cause by which alike failures are grouped.

    None unless it failed, is blocked or in doubt, or was set aside as another organization's.
    """
    if settlement.foreign:
        return FOREIGN
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


class _SettledDelivery(NamedTuple):
    """A delivery that was settled, as it is now."""

    id: int
    facility_id: int
    spec: str
    upstream: str
    date: str
    status: str
    due_at: int | None


# A version that came in meanwhile wins: the delivery is due again instead of being sent, failed, blocked or set aside.
_AGAIN = "(v.requeue = 1 AND deliveries.version <> v.version AND v.status IN ('sent', 'failed', 'blocked', 'ignored'))"
_SETTLE = Statement(
    f"""
UPDATE deliveries SET
  status = CASE WHEN {_AGAIN} THEN 'queued' ELSE v.status END,
  due_at = CASE WHEN {_AGAIN} THEN :now ELSE v.due_at END,
  tries = CASE WHEN {_AGAIN} THEN 0 ELSE v.tries END,
  tried_version = CASE WHEN v.tried <> 0 THEN v.tried WHEN deliveries.in_doubt THEN deliveries.tried_version END,
  body = CASE WHEN v.body_served = 1 THEN NULL ELSE deliveries.body END,
  upstream = COALESCE(v.upstream, deliveries.upstream),
  reference = COALESCE(v.reference, deliveries.reference),
  sent_version = COALESCE(v.sent_version, deliveries.sent_version),
  sent_at = CASE WHEN v.sent_version IS NULL THEN deliveries.sent_at ELSE :now END,
  http_status = v.http_status, code = v.code, problem = v.problem,
  cause = CASE WHEN {_AGAIN} THEN NULL ELSE v.cause END,
  in_doubt = (v.in_doubt = 1), settled_at = :now,
  deaths = CASE WHEN v.tried <> 0 THEN 0 ELSE deliveries.deaths END
FROM {{rows}} AS v
WHERE deliveries.id = v.id
RETURNING deliveries.id, deliveries.facility_id, deliveries.spec, deliveries.upstream, deliveries.date,
  deliveries.status, deliveries.due_at
""",
    _SettledDelivery,
    rows=(
        "id bigint, version integer, status text, due_at bigint, tries integer, tried "
        "integer, reference text, sent_version integer, requeue integer, in_doubt integer, http_status "
        "smallint, code text, problem text, cause text, upstream text, body_served integer"
    ),
)


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
            packed(attempt.request),
            attempt.http_status,
            attempt.code,
            packed(attempt.response),
            attempt.headers,
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
    "headers",
)
