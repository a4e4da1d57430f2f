"""When each code list of an upstream is read next, kept in memory: asking all lists of all clinics again costs much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.catalog.catalog import Catalog
from engine.code_lists.schedule import LastRead, ListKey, credential_changes, due_at, last_reads
from engine.database.database import Database
from engine.facilities.cache import FacilityCache
from engine.facilities.facilities import FacilityRow
from engine.specs.code_list import SHARED, CodeList

# After which everything is read again: another worker may have died with a read that this one takes for running.
PLAN_MS = 300_000


@dataclass(frozen=True, slots=True)
class PlannedList:
    """A code list of one owner, and the clinics with whose accounts it can be read."""

    code_list: CodeList
    facilities: tuple[FacilityRow, ...]

    @property
    def key(self) -> ListKey:
        return self.code_list.owner(self.facilities[0].id), self.code_list.name


@dataclass(slots=True)
class _Plan:
    made_for: tuple[object, ...]
    made_at: int
    lists: dict[ListKey, PlannedList] = field(default_factory=dict)
    due: dict[ListKey, float] = field(default_factory=dict)
    entered: dict[tuple[int, str], int] = field(default_factory=dict)


class ReadingPlan:
    """Due times (epoch ms) of the lists, by upstream; made again when configuration, clinics or a file change."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], facilities: FacilityCache) -> None:
        self._database = database
        self._catalog = catalog
        self._facilities = facilities
        self._plans: dict[str, _Plan] = {}

    async def due(self, lists: Sequence[CodeList]) -> list[PlannedList]:
        """Return those of an upstream's lists that may be due now, in the order of the configuration."""
        plan, now = await self._current(lists), self._database.clock()
        return [plan.lists[key] for key, at in plan.due.items() if at <= now]

    def due_at(self, planned: PlannedList, last: LastRead | None) -> float:
        """Return when a list is due after its last read."""
        return _due_at(self._plans[planned.code_list.upstream.name], planned, last)

    def set(self, planned: PlannedList, at: float) -> None:
        """Note when a list is looked at again."""
        self._plans[planned.code_list.upstream.name].due[planned.key] = at

    def forget(self, owner: int, list_: str) -> None:
        """Look at a list, and at those that are read for each of its rows, again at once: it was read."""
        for plan in self._plans.values():
            for key, planned in plan.lists.items():
                follows = planned.code_list.read_for == list_ and owner in (SHARED, key[0])
                if follows or key == (owner, list_):
                    plan.due[key] = 0

    async def _current(self, lists: Sequence[CodeList]) -> _Plan:
        name, now, catalog = lists[0].upstream.name, self._database.clock(), self._catalog()
        files = [code_list.source.stat().st_mtime_ns for code_list in lists if isinstance(code_list.source, Path)]
        made_for = (id(catalog), await self._facilities.version(), *files)
        plan = self._plans.get(name)
        if plan is None or plan.made_for != made_for or not 0 <= now - plan.made_at < PLAN_MS:
            plan = self._plans[name] = await self._made(_Plan(made_for, now), lists)
        return plan

    async def _made(self, plan: _Plan, lists: Sequence[CodeList]) -> _Plan:
        facilities = tuple((await self._facilities.all()).values())
        plan.entered = await credential_changes(self._database)
        for code_list in lists if facilities else ():
            for clinics in [facilities] if code_list.shared else [(facility,) for facility in facilities]:
                planned = PlannedList(code_list, clinics)
                plan.lists[planned.key] = planned
        last = await last_reads(self._database, list(plan.lists))
        plan.due = {key: _due_at(plan, planned, last.get(key)) for key, planned in plan.lists.items()}
        return plan


def _due_at(plan: _Plan, planned: PlannedList, last: LastRead | None) -> float:
    upstream = planned.code_list.upstream.name
    entered = max(plan.entered.get((facility.id, upstream), 0) for facility in planned.facilities)
    return due_at(planned.code_list, last, entered)
