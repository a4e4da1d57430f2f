"""The rules in force, cached in a process and read again a moment after they change."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.database import Database
from engine.database.statements import Statement
from engine.value_rules.rules import ActiveRule

LIFE_MS = 1_000  # after which the version is read again; a rule is in force later than that, see HOLD_MS of mending


class ActiveRules:
    """Cache of the rules of all clinics; costs one small query a second while something is sent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version: int | None = None
        self._read_at = 0
        self._rules: dict[tuple[int, str], list[ActiveRule]] = {}
        self._facilities: frozenset[int] = frozenset()

    async def of(self, facility_id: int) -> dict[str, Sequence[ActiveRule]]:
        """Return the rules of a clinic that are in force now, by type."""
        await self._read()
        if facility_id not in self._facilities:
            return {}
        now = self._database.clock()
        return {
            spec: in_force
            for (owner, spec), rules in self._rules.items()
            if owner == facility_id and (in_force := [rule for rule in rules if rule.starts_at <= now])
        }

    async def _read(self) -> None:
        now = self._database.clock()
        if self._version is not None and self._read_at <= now < self._read_at + LIFE_MS:
            return
        version = await self._database.first(_VERSION)
        if version != self._version:
            rules: dict[tuple[int, str], list[ActiveRule]] = {}
            for rule in await self._database.fetch(_ALL):
                rules.setdefault((rule.facility_id, rule.spec), []).append(rule)
            self._rules, self._facilities = rules, frozenset(facility_id for facility_id, _ in rules)
        self._version, self._read_at = version, now


async def rules_of(database: Database, facility_id: int, spec: str) -> list[ActiveRule]:
    """Return the rules of a clinic for a type that are in force now."""
    return await database.fetch(_OF_TYPE, {"facility": facility_id, "spec": spec, "now": database.clock()})


_FIELDS = "SELECT id, facility_id, spec, place, old, new, starts_at FROM value_rules WHERE ended_at IS NULL"
_VERSION = Statement("SELECT value_rules_version FROM installation", int)
_ALL = Statement(f"{_FIELDS} ORDER BY id", ActiveRule)
_OF_TYPE = Statement(
    f"{_FIELDS} AND facility_id = :facility AND spec = :spec AND starts_at <= :now ORDER BY id", ActiveRule
)
