"""Stores value rules: new ones of a job, their end, and the list of a clinic with their uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

MAX_VALUE_CHARACTERS = 1000  # of a value as JSON
MAX_LISTED = 200


class NewRules(NamedTuple):
    """Rules that a person makes for a field of a type: the values `changes` (old to new, as JSON)."""

    facility_id: int
    spec: str
    place: str
    changes: Mapping[str, str]
    actor: str
    reason: str
    job_id: int
    starts_at: int


class ListedRule(NamedTuple):
    """A rule with its person, and the number of deliveries that were sent with it."""

    id: int
    spec: str
    place: str
    old: str
    new: str
    actor: str
    reason: str
    job_id: int
    created_at: int
    starts_at: int
    mended_at: int | None
    ended_at: int | None
    ended_by: str
    uses: int
    used_at: int | None


class RuleUse(NamedTuple):
    """The use of a rule for a delivery, with the first and the last time that it was sent."""

    id: int
    place: str
    old: str
    new: str
    actor: str
    created_at: int
    first_at: int
    last_at: int


async def active_job(tx: Transaction, new: NewRules) -> int | None:
    """Return the job that made all these rules already and has not sent everything; None if there is none."""
    rows = [[old, value] for old, value in new.changes.items()]
    of_place = {"facility": new.facility_id, "spec": new.spec, "place": new.place}
    jobs = await tx.rows(_SAME, {**of_place, "rows": rows})
    return jobs[0] if len(jobs) == len(rows) and len(set(jobs)) == 1 else None


async def add_rules(tx: Transaction, new: NewRules) -> None:
    """Store rules in place of those for the same old values, which end."""
    rows = [[old, value] for old, value in new.changes.items()]
    of_place = {"facility": new.facility_id, "spec": new.spec, "place": new.place, "actor": new.actor, "now": tx.now}
    await tx.execute(_REPLACE, {**of_place, "rows": rows})
    values = {**of_place, "reason": new.reason, "job": new.job_id, "starts": new.starts_at}
    await tx.execute(_ADD, {**values, "rows": rows})
    await tx.execute(_CHANGED)


async def end_rule(database: Database, facility_id: int, id_: int, actor: str, reason: str) -> bool:
    """End a rule by a person; return False if it has ended already, or is of another facility."""
    return await database.write(_end_one, facility_id, id_, actor, reason)


async def _end_one(tx: Transaction, facility_id: int, id_: int, actor: str, reason: str) -> bool:
    ended = await tx.execute(_END, {"id": id_, "facility": facility_id, "actor": actor, "now": tx.now}) == 1
    if ended:
        await tx.execute(_CHANGED)
        await note(tx, tx.now, actor, "rule.end", facility_id=facility_id, reason=f"#{id_} {reason}".strip())
    return ended


async def undo_rules(tx: Transaction, facility_id: int, job_id: int, actor: str) -> None:
    """End the rules that a job made; those whose place they took hold again."""
    await tx.execute(_UNDO, {"job": job_id, "facility": facility_id, "actor": actor, "now": tx.now})
    await tx.execute(_RESTORE, {"job": job_id, "facility": facility_id})
    await tx.execute(_CHANGED)


async def end_mended(tx: Transaction, ids: Sequence[int]) -> None:
    """End the rules that the clinic's system does not need any more."""
    await tx.execute(_END_MENDED, {"ids": ids, "now": tx.now})
    await tx.execute(_CHANGED)


async def listed(database: Database, facility_id: int) -> list[ListedRule]:
    """Return the rules of a clinic, those in force first, then the newest; at most MAX_LISTED."""
    return await database.fetch(_LISTED, {"facility": facility_id, "most": MAX_LISTED})


async def count_active(database: Database, facility_id: int) -> int:
    """Return the number of rules in force."""
    [n] = await database.fetch(_COUNT, {"facility": facility_id})
    return n


async def rules_of_job(database: Database, facility_id: int, job_id: int) -> list[ListedRule]:
    """Return the rules that a job made."""
    return await database.fetch(_OF_JOB, {"facility": facility_id, "job": job_id})


async def uses_of(database: Database, delivery_id: int) -> list[RuleUse]:
    """Return the rules with which a delivery was sent."""
    return await database.fetch(_USES, {"id": delivery_id})


_OF_PLACE = "facility_id = :facility AND spec = :spec AND place = :place AND ended_at IS NULL"
_SAME = Statement(
    f"""
SELECT r.job_id FROM value_rules AS r JOIN {{rows}} AS v ON v.old = r.old AND v.new = r.new
JOIN jobs AS j ON j.id = r.job_id AND j.state IN ('running', 'paused')
WHERE r.{_OF_PLACE.replace(" AND ", " AND r.")}
""",
    int,
    rows="old text, new text",
)
_REPLACE = Command(
    f"""
UPDATE value_rules SET ended_at = :now, ended_by = :actor
WHERE {_OF_PLACE} AND old IN (SELECT v.old FROM {{rows}} AS v)
""",
    rows="old text, new text",
)
_ADD = Command(
    """
INSERT INTO value_rules (facility_id, spec, place, old, new, actor, reason, job_id, created_at, starts_at)
SELECT CAST(:facility AS INTEGER), :spec, :place, v.old, v.new, :actor, :reason, CAST(:job AS BIGINT),
  CAST(:now AS BIGINT), CAST(:starts AS BIGINT) FROM {rows} AS v WHERE true
""",
    rows="old text, new text",
)
_CHANGED = Command("UPDATE installation SET value_rules_version = value_rules_version + 1")
_END = Command(
    """
UPDATE value_rules SET ended_at = :now, ended_by = :actor
WHERE id = :id AND facility_id = :facility AND ended_at IS NULL
"""
)
_UNDO = Command(
    """
UPDATE value_rules SET ended_at = :now, ended_by = :actor
WHERE job_id = :job AND facility_id = :facility AND ended_at IS NULL
"""
)
# A rule was replaced in the transaction that made the new one, at the same time.
_RESTORE = Command(
    """
UPDATE value_rules SET ended_at = NULL, ended_by = '' WHERE facility_id = :facility AND id IN (
  SELECT MAX(e.id) FROM value_rules AS n JOIN value_rules AS e ON e.facility_id = n.facility_id AND e.spec = n.spec
    AND e.place = n.place AND e.old = n.old AND e.id < n.id AND e.ended_at = n.created_at
  WHERE n.job_id = :job GROUP BY n.id
)
"""
)
_END_MENDED = Command(
    "UPDATE value_rules SET ended_at = :now WHERE ended_at IS NULL AND id IN (SELECT id FROM {ids} AS v)",
    ids="id bigint",
)
_LIST = """
SELECT r.id, r.spec, r.place, r.old, r.new, r.actor, r.reason, r.job_id, r.created_at, r.starts_at, r.mended_at,
  r.ended_at, r.ended_by,
  (SELECT COUNT(*) FROM value_rule_uses AS u WHERE u.rule_id = r.id) AS uses,
  (SELECT MAX(u.last_at) FROM value_rule_uses AS u WHERE u.rule_id = r.id) AS used_at
FROM value_rules AS r
"""
_LISTED = Statement(
    f"{_LIST} WHERE r.facility_id = :facility ORDER BY r.ended_at IS NOT NULL, r.id DESC LIMIT :most", ListedRule
)
_OF_JOB = Statement(f"{_LIST} WHERE r.facility_id = :facility AND r.job_id = :job ORDER BY r.id", ListedRule)
_COUNT = Statement("SELECT COUNT(*) FROM value_rules WHERE facility_id = :facility AND ended_at IS NULL", int)
_USES = Statement(
    """
SELECT r.id, r.place, r.old, r.new, r.actor, r.created_at, u.first_at, u.last_at
FROM value_rule_uses AS u JOIN value_rules AS r ON r.id = u.rule_id
WHERE u.delivery_id = :id ORDER BY u.first_at, r.id
""",
    RuleUse,
)
