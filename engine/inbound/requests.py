"""Callers' requests to a clinic, stored in the transaction that answers them, for forwarding to the clinic's system."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text

from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from engine.specs.inbound import Inbound

DONE, REFUSED, STRANGER = 200, 201, 202
REPEAT_MS = 86_400_000  # within this time an equal request with an equal answer counts as a repetition


@dataclass(frozen=True, slots=True)
class QueueAnswer:
    """Answer to a request: the code, the key of its message, and the values for the caller."""

    code: int
    word: str
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CallerRequest:
    """A request that changes something; `content` is the part of it that the clinic's system receives."""

    facility: FacilityRow
    inbound: Inbound
    operation: str
    card: str
    content: Mapping[str, Any]
    # A repetition with the same content and the same answer is not stored again.
    once: bool = False


Tell = Callable[[QueueAnswer], dict[str, Any]]
Decide = Callable[[Transaction], Coroutine[Any, Any, QueueAnswer]]


async def answer(database: Database, request: CallerRequest, decide: Decide, tell: Tell) -> dict[str, Any]:
    """Decide, store the request with its answer, and return the answer, in one transaction."""

    async def run(tx: Transaction) -> dict[str, Any]:
        decision = await decide(tx)
        content = tell(decision)
        await store(tx, request, content, decision.code)
        return content

    return await database.write(run)


async def accept(_: Transaction) -> QueueAnswer:
    """Decide that a request is done, whatever it asks for."""
    return QueueAnswer(DONE, "done")


async def store(
    tx: Transaction, request: CallerRequest, answer_content: Mapping[str, Any], code: int, taken: bool = False
) -> None:
    """Store a request with its answer; `taken`: the clinic's system has the request already."""
    now = tx.now
    row = {
        "facility": request.facility.id,
        "inbound": request.inbound.name,
        "operation": request.operation,
        "card": request.card,
        "now": now,
        "content": orjson.dumps(request.content, option=orjson.OPT_SORT_KEYS).decode(),
        "answer": orjson.dumps(answer_content).decode(),
        "code": code,
        "taken": now if taken else None,
        "due": None if taken else now,
    }
    if request.once and (await tx.first(text(_REPEATED), {**row, "since": now - REPEAT_MS})) is not None:
        return
    await tx.execute(text(_KEEP), row)


async def was_done(tx: Transaction, facility_id: int, card: str) -> bool:
    """Return whether a request for the card succeeded before: the clinic knows its holder."""
    names = {"facility": facility_id, "card": card, "done": DONE}
    return (await tx.first(text(_DONE_BEFORE), names)) is not None


async def after(database: Database, facility_id: int, id_: int, size: int) -> list[dict[str, Any]]:
    """Return at most `size` stored requests after `id_`, oldest first."""
    rows = await database.fetch(text(_AFTER), {"facility": facility_id, "after": id_, "size": size})
    return [{**row._mapping, "content": orjson.loads(row.content), "answer": orjson.loads(row.answer)} for row in rows]


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Filter of stored requests; an empty filter selects all. Times are epoch milliseconds, `until` is exclusive."""

    operation: str = ""
    code: int | None = None
    since: int | None = None
    until: int | None = None
    untaken: bool = False


async def newest(
    database: Database, facility_id: int, filter_: RequestFilter, before: int | None, size: int
) -> list[Any]:
    """Return at most `size` stored requests before the id `before`, newest first."""
    conditions = {
        "operation = :operation": filter_.operation or None,
        "code = :code": filter_.code,
        "at >= :since": filter_.since,
        "at < :until": filter_.until,
        "taken_at IS NULL": filter_.untaken or None,
        "id < :before": before,
    }
    chosen = "".join(f" AND {condition}" for condition, value in conditions.items() if value is not None)
    names = {"operation": filter_.operation, "code": filter_.code, "since": filter_.since, "until": filter_.until}
    names |= {"before": before}
    used = {name: value for name, value in names.items() if f":{name}" in chosen}
    return list(await database.fetch(text(_LIST % chosen), {**used, "facility": facility_id, "size": size}))


async def mark_taken(database: Database, facility_id: int, id_: int) -> bool:
    """Note that the clinic's system has the request; the first time counts. False if there is no such request."""
    parameters = {"facility": facility_id, "id": id_, "now": database.clock()}
    return await database.write(Transaction.first, text(_TAKEN), parameters) is not None


_KEEP = """
INSERT INTO inbound_requests (facility_id, inbound, operation, card, at, content, answer, code, taken_at, due_at, tries)
VALUES (:facility, :inbound, :operation, :card, :now, :content, :answer, :code, :taken, :due, 0)
"""

_REPEATED = """
SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND inbound = :inbound
  AND operation = :operation AND at >= :since AND content = :content AND answer = :answer LIMIT 1
"""

_DONE_BEFORE = "SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND code = :done LIMIT 1"

_AFTER = """
SELECT id, inbound, operation, at, content, answer, code, taken_at, pruned_at FROM inbound_requests
WHERE facility_id = :facility AND id > :after ORDER BY id LIMIT :size
"""

_LIST = """
SELECT id, inbound, operation, card, at, content, answer, code, taken_at, tries, due_at, problem, pruned_at
FROM inbound_requests WHERE facility_id = :facility%s ORDER BY id DESC LIMIT :size
"""

_TAKEN = """
UPDATE inbound_requests SET taken_at = COALESCE(taken_at, :now), due_at = NULL, problem = NULL
WHERE facility_id = :facility AND id = :id RETURNING id
"""
