"""What callers asked of the clinic: kept in the transaction that answers them, until its system has taken it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, text

from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.specs.inbound import Inbound

DONE, REFUSED, STRANGER = 200, 201, 202
REPEAT_MS = 86_400_000  # milliseconds within which the same request with the same answer is one that was repeated


@dataclass(frozen=True, slots=True)
class QueueAnswer:
    """What a request came to: a code, the occasion of its text, and what is told besides."""

    code: int
    word: str
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CallerRequest:
    """A request that would change something; `content` is what the clinic's system gets to see of it."""

    facility: FacilityRow
    inbound: Inbound
    operation: str
    card: str
    content: Mapping[str, Any]
    # Asked again with the same content and answered alike, it says nothing new and is not kept again.
    once: bool = False


Tell = Callable[[QueueAnswer], dict[str, Any]]
Decide = Callable[[Connection], QueueAnswer]


async def answer(database: Database, asked: CallerRequest, decide: Decide, tell: Tell) -> dict[str, Any]:
    """Decide, keep the request with its answer, and give the answer; all or nothing."""

    def run(connection: Connection) -> dict[str, Any]:
        outcome = decide(connection)
        told = tell(outcome)
        keep(database, connection, asked, told, outcome.code)
        return told

    return await database.write(run)


def keep(
    database: Database,
    connection: Connection,
    asked: CallerRequest,
    told: Mapping[str, Any],
    code: int,
    taken: bool = False,
) -> None:
    """Keep a request with its answer; `taken`: the clinic's system has it already."""
    now = database.clock()
    row = {
        "facility": asked.facility.id,
        "inbound": asked.inbound.name,
        "operation": asked.operation,
        "card": asked.card,
        "now": now,
        "content": orjson.dumps(asked.content, option=orjson.OPT_SORT_KEYS).decode(),
        "answer": orjson.dumps(told).decode(),
        "code": code,
        "taken": now if taken else None,
        "due": None if taken else now,
    }
    if asked.once and connection.execute(text(_SAID), {**row, "since": now - REPEAT_MS}).first() is not None:
        return
    connection.execute(text(_KEEP), row)


def was_done(connection: Connection, facility_id: int, card: str) -> bool:
    """Whether something was done for the card before: its holder is known here."""
    known = {"facility": facility_id, "card": card, "done": DONE}
    return connection.execute(text(_KNOWN), known).first() is not None


async def after(database: Database, facility_id: int, id_: int, size: int) -> list[dict[str, Any]]:
    """At most `size` kept requests beyond `id_`, the oldest first."""
    rows = await database.fetch(text(_AFTER), {"facility": facility_id, "after": id_, "size": size})
    return [{**row._mapping, "content": orjson.loads(row.content), "answer": orjson.loads(row.answer)} for row in rows]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which kept requests are looked at; empty: all."""

    operation: str = ""
    code: int | None = None
    since: int | None = None  # epoch milliseconds, and the end that is not in it any more
    until: int | None = None
    untaken: bool = False


async def newest(database: Database, facility_id: int, wanted: Filter, before: int | None, size: int) -> list[Any]:
    """At most `size` kept requests before `before` (an id), the newest first."""
    conditions = {
        "operation = :operation": wanted.operation or None,
        "code = :code": wanted.code,
        "at >= :since": wanted.since,
        "at < :until": wanted.until,
        "taken_at IS NULL": wanted.untaken or None,
        "id < :before": before,
    }
    chosen = "".join(f" AND {said}" for said, value in conditions.items() if value is not None)
    names = {"operation": wanted.operation, "code": wanted.code, "since": wanted.since, "until": wanted.until}
    names |= {"before": before}
    used = {name: value for name, value in names.items() if f":{name}" in chosen}
    return list(await database.fetch(text(_LIST % chosen), {**used, "facility": facility_id, "size": size}))


async def taken(database: Database, facility_id: int, id_: int) -> bool:
    """Note that the clinic's system has it; the first time counts. False: there is no such request."""
    parameters = {"facility": facility_id, "id": id_, "now": database.clock()}
    return await database.write(lambda connection: connection.execute(text(_TAKEN), parameters).first() is not None)


_KEEP = """
INSERT INTO inbound_requests (facility_id, inbound, operation, card, at, content, answer, code, taken_at, due_at, tries)
VALUES (:facility, :inbound, :operation, :card, :now, :content, :answer, :code, :taken, :due, 0)
"""

_SAID = """
SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND inbound = :inbound
  AND operation = :operation AND at >= :since AND content = :content AND answer = :answer LIMIT 1
"""

_KNOWN = "SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND code = :done LIMIT 1"

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
