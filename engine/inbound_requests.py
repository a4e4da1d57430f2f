"""What callers asked of the clinic: kept in the transaction that answers them, until its system has taken it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, text

from engine.database import Database
from engine.facilities import FacilityRow
from engine.inbound import Inbound

DONE, REFUSED, STRANGER = 200, 201, 202


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to: a code, the occasion of its text, and what is told besides."""

    code: int
    word: str
    told: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that would change something; `content` is what the clinic's system gets to see of it."""

    facility: FacilityRow
    inbound: Inbound
    operation: str
    card: str
    content: Mapping[str, Any]


Tell = Callable[[Outcome], dict[str, Any]]
Decide = Callable[[Connection], Outcome]


async def answer(database: Database, asked: Asked, decide: Decide, tell: Tell) -> dict[str, Any]:
    """Decide, keep the request with its answer, and give the answer; all or nothing."""
    now = database.clock()

    def run(connection: Connection) -> dict[str, Any]:
        outcome = decide(connection)
        told = tell(outcome)
        row = {
            "facility": asked.facility.id,
            "inbound": asked.inbound.name,
            "operation": asked.operation,
            "card": asked.card,
            "now": now,
            "content": orjson.dumps(asked.content).decode(),
            "answer": orjson.dumps(told).decode(),
            "code": outcome.code,
        }
        connection.execute(text(_KEEP), row)
        return told

    return await database.write(run)


def was_done(connection: Connection, facility_id: int, card: str) -> bool:
    """Whether something was done for the card before: its holder is known here."""
    known = {"facility": facility_id, "card": card, "done": DONE}
    return connection.execute(text(_KNOWN), known).first() is not None


async def after(database: Database, facility_id: int, id_: int, size: int) -> list[dict[str, Any]]:
    """At most `size` kept requests beyond `id_`, the oldest first."""
    rows = await database.fetch(text(_AFTER), {"facility": facility_id, "after": id_, "size": size})
    return [{**row._mapping, "content": orjson.loads(row.content), "answer": orjson.loads(row.answer)} for row in rows]


async def taken(database: Database, facility_id: int, id_: int) -> bool:
    """Note that the clinic's system has it; the first time counts. False: there is no such request."""
    parameters = {"facility": facility_id, "id": id_, "now": database.clock()}
    return await database.write(lambda connection: connection.execute(text(_TAKEN), parameters).first() is not None)


_KEEP = """
INSERT INTO inbound_requests (facility_id, inbound, operation, card, at, content, answer, code)
VALUES (:facility, :inbound, :operation, :card, :now, :content, :answer, :code)
"""

_KNOWN = "SELECT 1 FROM inbound_requests WHERE facility_id = :facility AND card = :card AND code = :done LIMIT 1"

_AFTER = """
SELECT id, inbound, operation, at, content, answer, code, taken_at FROM inbound_requests
WHERE facility_id = :facility AND id > :after ORDER BY id LIMIT :size
"""

_TAKEN = """
UPDATE inbound_requests SET taken_at = COALESCE(taken_at, :now) WHERE facility_id = :facility AND id = :id RETURNING id
"""
