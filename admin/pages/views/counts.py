"""Counts what saved views match: from stored counters where they hold the number, else row by row up to a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from admin.pages.problems.problems import causes_of, causes_of_type
from admin.pages.problems.states import open_causes
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.layout import Layout
from admin.pages.views.opened import ChosenView, ViewPage
from admin.pages.visits.day import visit_type
from engine.hub import Hub
from engine.outbox import counters
from engine.queries import paging, parts, visits
from engine.queries.paging import Count
from engine.queries.visits import DayFilters
from engine.recent_facts import RecentFacts
from engine.specs.record_type import Spec

MAX_COUNTED = 100  # rows of a view that no counter gives


class ViewCounter:
    """Counts the views of one request; the counters of the same days are read once."""

    def __init__(self, hub: Hub, layout: Layout, recent_facts: RecentFacts) -> None:
        self._hub = hub
        self._layout = layout
        self._recent_facts = recent_facts
        self._facility_id = layout.facility.id if layout.facility else 0
        self._counters: dict[tuple[str, str], Mapping[str, Mapping[str, int]]] = {}

    async def count(self, chosen: ChosenView) -> Count | None:
        """Return the number of deliveries, root causes or visits; None if it would take too long to count them."""
        match chosen.page:
            case ViewPage.LIST if chosen.spec is not None:
                return await self._deliveries(chosen.spec, chosen.filters)
            case ViewPage.VISITS:
                return await self._visits(chosen)
            case _:
                return Count(await self._causes(chosen))

    async def _deliveries(self, spec: Spec, chosen: ListFilters) -> Count | None:
        if chosen.is_counted:
            counts = (await self._stored(chosen)).get(spec.name, {})
            return Count(sum(n for status, n in counts.items() if status in (chosen.statuses or counts)))
        filters = chosen.filters([spec.name])
        if not await parts.is_narrow(self._hub.database, self._facility_id, filters):
            return None
        return await paging.count(self._hub.database, self._facility_id, filters, MAX_COUNTED)

    async def _stored(self, chosen: ListFilters) -> Mapping[str, Mapping[str, int]]:
        days = chosen.date_from, chosen.date_to
        if days not in self._counters:
            since, until = (day or None for day in days)
            self._counters[days] = await counters.read(self._hub.database, self._facility_id, since, until)
        return self._counters[days]

    async def _visits(self, chosen: ChosenView) -> Count:
        of_type = chosen.filters.of_type(visit_type(self._hub.catalog))
        filters = DayFilters(of_type.date_from, bool(chosen.own), of_type.columns)
        return Count(await visits.count_of_day(self._hub.database, self._facility_id, filters))

    async def _causes(self, chosen: ChosenView) -> int:
        """Count the root causes that are not ignored."""
        if self._layout.facility is None:
            return 0
        if chosen.spec is not None:
            layout = replace(self._layout, upstream=chosen.spec.upstream)
            causes = await causes_of_type(self._hub, layout, self._recent_facts, chosen.spec)
        else:
            area = dict(chosen.own).get("area", "")
            causes = await causes_of(self._hub, self._layout, self._recent_facts, area)
        return len(await open_causes(self._hub, self._layout.facility, causes))
