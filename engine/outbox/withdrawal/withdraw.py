"""Takes back records that were handed in by mistake, and restores those that were taken back by mistake.

A withdrawal is a new content of the record: the old one with the values that its entry declares. What the upstream has
is sent as an update. What it does not have is not sent at all (engine.sending.prepare); what it may have is searched
for first. So a record that the HIS itself hands in with these values takes the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from engine.database.audit import AUDIT_COLUMNS
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Lane, Status
from engine.json_text import content_hash
from engine.outbox import counters, list_index
from engine.outbox.locks import being_sent, lock_claims
from engine.outbox.waits import end_waits, prepare_waiting, return_set_aside
from engine.specs.record_type import Spec

WITHDRAW, REINSTATE = "withdraw", "reinstate"  # names in the audit log and in the trigger of the delivery
# By which what others depend on is withdrawn later than they are, so that they are withdrawn first.
LATER_MS = 3_000


class WithdrawalResult(StrEnum):
    """The result of taking back or restoring one record."""

    DONE = "done"
    ALREADY = "already"  # it is as intended, e.g. by the first of two clicks
    IMPOSSIBLE = "impossible"  # its type declares no withdrawal, or the HIS itself took the record back
    MISSING = "missing"


class _Changed(NamedTuple):
    """The new content of a record; `withdrawn` says whether it is withdrawn by it."""

    record: dict[str, Any]
    withdrawn: bool
    replaced: dict[str, Any] | None


# Returns the new content of a record that can be changed, else the reason why it is not.
_Change = Callable[["_LockedRecord", Spec], _Changed | WithdrawalResult]


async def withdraw(
    database: Database,
    specs: Mapping[str, Spec],
    facility_id: int,
    ids: Sequence[int],
    actor: str,
    *,
    reason: str,
    dependents: Collection[int] = (),
    waiting: Collection[int] = (),
    until_handed_in: bool = False,
) -> dict[int, WithdrawalResult]:
    """Take back the records of these deliveries and of their `dependents`, which are sent first.

    A record that is being sent is taken back as soon as the outcome is known. Handing in the same record again changes
    nothing, unless `until_handed_in`: then it is alive again, as by handing in other content. What waits for these
    records is set aside, and so are the deliveries `waiting`, which depend on them and wait for something else.
    """
    action = _Act(WITHDRAW, actor, reason, until_handed_in, waiting)
    return await database.write(_perform, specs, facility_id, ids, dependents, action, _withdrawn)


async def reinstate(
    database: Database, specs: Mapping[str, Spec], facility_id: int, id_: int, actor: str, *, reason: str
) -> WithdrawalResult:
    """Undo a withdrawal by a person: the record is again as it was handed in, and is sent."""
    action = _Act(REINSTATE, actor, reason)
    return (await database.write(_perform, specs, facility_id, [id_], (), action, _reinstated))[id_]


class _Act(NamedTuple):
    """A withdrawal, or undoing one, with who asks for it and why."""

    name: str
    actor: str
    reason: str
    until_handed_in: bool = False
    waiting: Collection[int] = ()


def _withdrawn(row: _LockedRecord, spec: Spec) -> _Changed | WithdrawalResult:
    if row.withdrawn_at is not None:
        return WithdrawalResult.ALREADY
    if spec.withdrawal is None:
        return WithdrawalResult.IMPOSSIBLE
    record = orjson.loads(row.record)
    return _Changed(spec.withdrawal.applied(record), True, spec.withdrawal.replaced(record))


def _reinstated(row: _LockedRecord, spec: Spec) -> _Changed | WithdrawalResult:
    if row.withdrawn_at is None:
        return WithdrawalResult.ALREADY
    if spec.withdrawal is None or row.replaced is None:
        return WithdrawalResult.IMPOSSIBLE
    record = spec.withdrawal.undone(orjson.loads(row.record), orjson.loads(row.replaced))
    return _Changed(record, False, None)


async def _perform(
    tx: Transaction,
    specs: Mapping[str, Spec],
    facility_id: int,
    ids: Sequence[int],
    dependents: Collection[int],
    action: _Act,
    change: _Change,
) -> dict[int, WithdrawalResult]:
    await lock_claims(tx, [facility_id])
    results = dict.fromkeys([*ids, *dependents], WithdrawalResult.MISSING)
    rows = await tx.rows(_LOCK, {"facility": facility_id, "ids": list(results)})
    held = await being_sent(tx, [facility_id])
    changes: list[tuple[_LockedRecord, _Changed]] = []
    stored: list[list[Any]] = []
    for row in rows:
        results[row.id] = WithdrawalResult.IMPOSSIBLE
        if (spec := specs.get(row.spec)) is None:
            continue
        changed = change(row, spec)
        if isinstance(changed, WithdrawalResult):
            results[row.id] = changed
            continue
        results[row.id] = WithdrawalResult.DONE
        due_at = tx.now + (LATER_MS if dependents and row.id not in dependents else 0)
        changes.append((row, changed))
        stored.append(_values(row, changed, action, None if row.id in held else due_at))
    if changes:
        await _store(tx, facility_id, changes, stored, action, held)
    return results


def _values(row: _LockedRecord, changed: _Changed, action: _Act, due_at: int | None) -> list[Any]:
    """Return the columns of _CHANGE; `due_at` None: it is being sent, and becomes due when it is settled."""
    new_hash = content_hash(changed.record) if action.until_handed_in else row.record_hash
    replaced = None if changed.replaced is None or action.until_handed_in else orjson.dumps(changed.replaced).decode()
    record = orjson.dumps(changed.record).decode()
    return [row.id, record, new_hash, replaced, int(changed.withdrawn), due_at]


async def _store(
    tx: Transaction,
    facility_id: int,
    changes: Sequence[tuple[_LockedRecord, _Changed]],
    stored: Sequence[Sequence[Any]],
    action: _Act,
    held: Collection[int],
) -> None:
    """Store the new contents, and let what waits for these records be set aside, or return."""
    deltas = counters.Deltas()
    for row, _ in changes:
        if row.id not in held:
            deltas.move(facility_id, row.date, row.spec, row.status, Status.QUEUED)
    ids = [row.id for row, _ in changes]
    await end_waits(tx, [id_ for id_ in ids if id_ not in held])
    trigger = f"{action.name}: {action.actor}"
    await tx.execute(_CHANGE, {"rows": stored, "now": tx.now, "trigger": trigger, "lane": int(Lane.MENDED)})
    gone = [(facility_id, row.spec, row.key) for row, changed in changes if changed.withdrawn]
    await prepare_waiting(tx, gone, deltas, action.waiting)
    back = [(facility_id, row.spec, row.key) for row, changed in changes if not changed.withdrawn]
    await return_set_aside(tx, back, deltas)
    entry = (tx.now, action.actor, action.name, action.reason, facility_id)
    await tx.insert("audit", AUDIT_COLUMNS, [(*entry, id_, None) for id_ in ids])
    await list_index.enqueue(tx, ids)
    await counters.apply(tx, deltas)


class _LockedRecord(NamedTuple):
    """A delivery whose record is taken back or restored."""

    id: int
    spec: str
    key: str
    date: str
    status: str
    record: str
    record_hash: str
    withdrawn_at: int | None
    replaced: str | None


# The plus: see engine.outbox.resend.
_LOCK = Statement(
    """
SELECT id, spec, key, date, status, record, record_hash, withdrawn_at, replaced FROM deliveries
WHERE +facility_id = :facility AND id IN (SELECT id FROM {ids} AS v) ORDER BY id {FOR UPDATE}
""",
    _LockedRecord,
    ids="id bigint",
)
# body: a person wrote it for the old content.
_CHANGE = Command(
    """
UPDATE deliveries SET record = v.record, record_hash = v.hash, replaced = v.replaced, version = version + 1,
  withdrawn_at = CASE WHEN v.withdrawn = 1 THEN CAST(:now AS BIGINT) END, body = NULL, changed_at = :now,
  status = CASE WHEN v.due_at IS NULL THEN status ELSE 'queued' END, due_at = COALESCE(v.due_at, deliveries.due_at),
  lane = CASE WHEN v.due_at IS NULL THEN lane ELSE :lane END, trigger = :trigger,
  tries = CASE WHEN v.due_at IS NULL THEN tries ELSE 0 END, deaths = CASE WHEN v.due_at IS NULL THEN deaths ELSE 0 END,
  problem = CASE WHEN v.due_at IS NULL THEN problem END, cause = CASE WHEN v.due_at IS NULL THEN cause END,
  code = CASE WHEN v.due_at IS NULL THEN code END, http_status = CASE WHEN v.due_at IS NULL THEN http_status END
FROM {rows} AS v WHERE deliveries.id = v.id
""",
    rows="id bigint, record text, hash text, replaced text, withdrawn smallint, due_at bigint",
)
