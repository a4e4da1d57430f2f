"""Cache of the root causes: dashboards ask every few seconds, and counting many failures takes a while."""

from __future__ import annotations

from collections.abc import Sequence

from engine.hub import Hub
from engine.queries.todo import TodoFacts, todo_facts
from engine.specs.record_type import Spec

CACHE_MS = 20_000


class RecentFacts:
    """Cache of root causes by facility and upstream, or by facility and type; one per process."""

    def __init__(self) -> None:
        self._facts: dict[tuple[int, str, str], tuple[int, TodoFacts]] = {}

    async def of(self, hub: Hub, facility_id: int, upstream: str) -> TodoFacts:
        """Return the root causes of all types of an upstream."""
        specs = [spec for spec in hub.catalog.specs.values() if spec.upstream.name == upstream]
        return await self._of(hub, facility_id, f"upstream {upstream}", specs)

    async def of_type(self, hub: Hub, facility_id: int, spec: Spec) -> TodoFacts:
        """Return the root causes of one type."""
        return await self._of(hub, facility_id, f"type {spec.name}", [spec])

    async def _of(self, hub: Hub, facility_id: int, scope: str, specs: Sequence[Spec]) -> TodoFacts:
        key, now = (facility_id, scope, hub.catalog.hash), hub.database.clock()
        at, facts = self._facts.get(key, (0, None))
        if facts is None or now - at >= CACHE_MS:
            facts = await todo_facts(hub.database, facility_id, specs)
            self._facts[key] = now, facts
        return facts
