"""*Masalah*: one row per root cause, over all types or those of an area, or as a tab of one type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.pages.problems.not_taken import MAX_ON_PROBLEMS, causes_not_taken, number_not_taken
from admin.pages.problems.root_causes import RootCause, root_causes, shared_text
from admin.pages.problems.states import FILTERS, IGNORED, TOLD, assignable, filtered, shown_states
from admin.pages.shared.formatting import day
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.people.permissions import Permission
from admin.text.words import localized, say
from engine.catalog.catalog import Catalog
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox import counters
from engine.queries.todo import MAX_FAILURES
from engine.recent_facts import RecentFacts
from engine.sources.ledger import RowOutcome
from engine.sources.undecided import count_undecided
from engine.specs.record_type import Spec

PAGE = "/masalah"
PANEL = {"right": Right.PANEL}


@get("/integrasi/{upstream:str}/masalah", opt=PANEL)
async def former_page(hub: NamedDependency[Hub], upstream: FromPath[str]) -> Redirect:
    """Redirect the former address of an upstream's problems."""
    if upstream not in hub.catalog.upstreams:
        raise NotFoundException(say("error.not_found"))
    return Redirect(f"{PAGE}?area={upstream}", status_code=302)


@get(PAGE, opt=PANEL)
async def problems_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    recent_facts: NamedDependency[RecentFacts],
    area: FromQuery[str] = "",
    which: FromQuery[str] = "",
    told: FromQuery[str] = "",
) -> Template:
    """Show the root causes of all upstreams, or of those in the area of one; `which` is one of FILTERS."""
    layout = await layout_for(request, area or next(iter(hub.catalog.upstreams)))
    causes, not_taken = await causes_of(hub, layout, recent_facts, area), await causes_not_taken(hub, layout)
    context = {
        **await _context(hub, request, layout, causes, which if which in FILTERS else ""),
        "area": area,
        "areas": list(_areas(hub.catalog)),
        "spec": None,
        "told": told if told in TOLD else "",
        "not_taken": [] if area or which else not_taken[:MAX_ON_PROBLEMS],
        "n_refused": number_not_taken(not_taken, RowOutcome.REFUSED),
        "n_skipped": number_not_taken(not_taken, RowOutcome.SKIPPED),
        "n_gone": await count_undecided(hub.database, hub.catalog, layout.facility.id) if layout.facility else 0,
    }
    return Template("problems/problems.html", context=context)


@get("/integrasi/{upstream:str}/{spec:str}/masalah", opt=PANEL, dependencies=OPENED_TYPE)
async def type_problems(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    recent_facts: NamedDependency[RecentFacts],
    opened_type: OpenedType,
) -> Template:
    """Show the root causes of one type, as a tab of its page, and how many of its deliveries wait for others."""
    layout, spec = opened_type.layout, opened_type.entry
    causes: Sequence[RootCause] = ()
    waiting = 0
    if layout.facility is not None:
        causes = await causes_of_type(hub, layout, recent_facts, spec)
        counts = await counters.read(hub.database, layout.facility.id)
        waiting = counts.get(spec.name, {}).get(Status.BLOCKED, 0)
    context = {**await _context(hub, request, layout, causes), "spec": spec, "waiting": waiting, "told": ""}
    return Template("problems/problems.html", context=context)


async def causes_of(hub: Hub, layout: Layout, recent_facts: RecentFacts, area: str = "") -> list[RootCause]:
    """Return the root causes of all upstreams, or of those in the area of one; what holds most comes first."""
    if layout.facility is None:
        return []
    causes: list[RootCause] = []
    for name in _upstreams(hub.catalog, area):
        facts = await recent_facts.of(hub, layout.facility.id, name)
        upstream = hub.catalog.upstreams[name]
        causes += root_causes(hub.catalog, upstream, layout.facility, facts, layout.person.permissions)
    return sorted(causes, key=lambda cause: -cause.total)


async def causes_of_type(hub: Hub, layout: Layout, recent_facts: RecentFacts, spec: Spec) -> list[RootCause]:
    """Return the root causes of one type."""
    if layout.facility is None:
        return []
    facts = await recent_facts.of_type(hub, layout.facility.id, spec)
    return root_causes(hub.catalog, layout.upstream, layout.facility, facts, layout.person.permissions)


async def _context(
    hub: Hub, request: Request[Any, Any, Any], layout: Layout, all_causes: Sequence[RootCause], which: str = ""
) -> dict[str, Any]:
    facility, shown, people, week = layout.facility, {}, [], ""
    if facility is not None:
        shown = await shown_states(hub, facility, all_causes)
        people = await assignable(hub, facility)
        week = day((facility.local(hub.database.clock()).date() + timedelta(days=7)).isoformat())
    causes = filtered(all_causes, shown, which, layout.person.name)
    clinic, address = layout.facility.name if layout.facility else "", f"{str(request.base_url).rstrip('/')}{PAGE}"
    return {
        "frame": layout,
        "causes": causes,
        "ignored": [] if which else filtered(all_causes, shown, IGNORED, ""),
        "n_ignored": sum(state.ignored for state in shown.values()),
        "n_escalated": sum(bool(state.escalated) for state in shown.values()),
        "states": shown,
        "people": people,
        "week": week,
        "which": which,
        "filters": ("", *FILTERS),
        "texts": {cause.id: shared_text(cause, clinic, address) for cause in all_causes},
        "held": sum(cause.total for cause in causes),
        "most": MAX_FAILURES if len(all_causes) >= MAX_FAILURES else None,
        "may_bulk": layout.may(Permission.BULK),
        "may_mend": all(map(layout.may, (Permission.BULK, Permission.EDIT, Permission.BODIES))),
    }


def _areas(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield (first upstream, label) of each area; an upstream without one is its own."""
    seen = set()
    for name, upstream in catalog.upstreams.items():
        label = localized(upstream.area or upstream.label)
        if label not in seen:
            seen.add(label)
            yield name, label


def _upstreams(catalog: Catalog, area: str) -> list[str]:
    """Return the upstreams in the area of one, or all of them."""
    if not area:
        return list(catalog.upstreams)
    shared = catalog.upstreams[area].area
    return [name for name, spec in catalog.upstreams.items() if name == area or (shared and spec.area == shared)]
