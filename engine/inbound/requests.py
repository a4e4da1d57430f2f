"""Callers' requests to a clinic, stored in the transaction that answers them, for forwarding to the clinic's system."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select

from engine.database.database import Database
from engine.database.statements import Command, Query, Statement
from engine.database.tables import InboundRequest
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
    return await database.write(_answer, request, decide, tell)


async def _answer(tx: Transaction, request: CallerRequest, decide: Decide, tell: Tell) -> dict[str, Any]:
    decision = await decide(tx)
    content = tell(decision)
    await store(tx, request, content, decision.code)
    return content


async def accept(_: Transaction) -> QueueAnswer:
    """Accept every request."""
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
    if request.once and (await tx.first(_REPEATED, {**row, "since": now - REPEAT_MS})) is not None:
        return
    await tx.execute(_KEEP, row)


async def was_done(tx: Transaction, facility_id: int, card: str) -> bool:
    """Return whether a request for the card succeeded before: the clinic knows its holder."""
    names = {"facility": facility_id, "card": card, "done": DONE}
    return (await tx.first(_DONE_BEFORE, names)) is not None


async def after(database: Database, facility_id: int, id_: int, size: int) -> list[dict[str, Any]]:
    """Return at most `size` stored requests after `id_`, oldest first."""
    rows = await database.fetch(_AFTER, {"facility": facility_id, "after": id_, "size": size})
    return [{**row._asdict(), "content": orjson.loads(row.content), "answer": orjson.loads(row.answer)} for row in rows]


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Filter of stored requests; an empty filter selects all. Times are epoch milliseconds, `until` is exclusive."""

    operation: str = ""
    code: int | None = None
    since: int | None = None
    until: int | None = None
    untaken: bool = False


class RequestRow(NamedTuple):
    """A stored request with its forwarding; engine.database.tables.InboundRequest explains the columns."""

    id: int
    inbound: str
    operation: str
    card: str
    at: int
    content: str
    answer: str
    code: int
    taken_at: int | None
    due_at: int | None
    tries: int
    problem: str | None
    pruned_at: int | None


async def newest(
    database: Database, facility_id: int, filter_: RequestFilter, before: int | None, size: int
) -> list[RequestRow]:
    """Return at most `size` stored requests before the id `before`, newest first."""
    table = InboundRequest
    query = select(*(getattr(table, name) for name in RequestRow._fields)).where(table.facility_id == facility_id)
    if filter_.operation:
        query = query.where(table.operation == filter_.operation)
    if filter_.code is not None:
        query = query.where(table.code == filter_.code)
    if filter_.since is not None:
        query = query.where(table.at >= filter_.since)
    if filter_.until is not None:
        query = query.where(table.at < filter_.until)
    if filter_.untaken:
        query = query.where(table.taken_at.is_(None))
    if before is not None:
        query = query.where(table.id < before)
    return await database.fetch(Query(query.order_by(table.id.desc()).limit(size), RequestRow))


async def one(database: Database, facility_id: int, inbound: str, id_: int) -> RequestRow | None:
    """Return a stored request; None if the clinic has no such request."""
    table = InboundRequest
    query = select(*(getattr(table, name) for name in RequestRow._fields))
    query = query.where(table.id == id_, table.facility_id == facility_id, table.inbound == inbound)
    return await database.first(Query(query, RequestRow))


async def mark_taken(database: Database, facility_id: int, id_: int) -> bool:
    """Note that the clinic's system has the request; the first time counts. False if there is no such request."""
    parameters = {"facility": facility_id, "id": id_, "now": database.clock()}
    return bool(await database.returned(_TAKEN, parameters))


_KEEP = Command(
    """
INSERT INTO inbound_requests (facility_id, inbound, operation, card, at, content, answer, code, taken_at, due_at, tries)
VALUES (:facility, :inbound, :operation, :card, :now, :content, :answer, :code, :taken, :due, 0)
"""
)

_REPEATED = Statement(
    """
SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND inbound = :inbound
  AND operation = :operation AND at >= :since AND content = :content AND answer = :answer LIMIT 1
""",
    int,
)

_DONE_BEFORE = Statement(
    "SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND code = :done LIMIT 1", int
)


class _ForwardedRequest(NamedTuple):
    """A stored request as the clinic's system fetches it."""

    id: int
    inbound: str
    operation: str
    at: int
    content: str
    answer: str
    code: int
    taken_at: int | None
    pruned_at: int | None


_AFTER = Statement(
    """
SELECT id, inbound, operation, at, content, answer, code, taken_at, pruned_at FROM inbound_requests
WHERE facility_id = :facility AND id > :after ORDER BY id LIMIT :size
""",
    _ForwardedRequest,
)

_TAKEN = Statement(
    """
UPDATE inbound_requests SET taken_at = COALESCE(taken_at, :now), due_at = NULL, problem = NULL
WHERE facility_id = :facility AND id = :id RETURNING id
""",
    int,
)
