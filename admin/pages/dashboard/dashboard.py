"""Dashboard of an upstream: to-dos, and one card per type."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from admin.http.access import Right, session_of
from admin.pages.dashboard.cards import cards, summary, totals
from admin.pages.dashboard.day import LINE, NO_WEEKS, SPARK, day_picture
from admin.pages.dashboard.todo import MAX_TODOS, todo
from admin.pages.problems.problems import causes_of
from admin.pages.problems.states import open_causes
from admin.pages.shared.filters import ListFilters, presets
from admin.pages.shared.formatting import day
from admin.pages.shared.layout import STEP_IN_SESSION, layout_for
from admin.pages.shared.menu import ACCOUNT_PATH, menu_for
from admin.pages.shared.setup_steps import setup_of
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub
from engine.recent_facts import RecentFacts


@get("/", opt={"right": Right.PERSON})
async def home(hub: NamedDependency[Hub], person: NamedDependency[Person]) -> Redirect:
    """Redirect to the first page of the menu: as a rule the dashboard of the first upstream."""
    menu = menu_for(hub.catalog, person, has_facility=True, path="/")
    entries = [*(entry for group in menu.groups for entry in group.entries), *menu.others]
    return Redirect(entries[0].href if entries else ACCOUNT_PATH)


@get("/integrasi/{upstream:str}", opt={"right": Right.PANEL})
async def dashboard(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    recent_facts: NamedDependency[RecentFacts],
    upstream: FromPath[str],
) -> Template:
    """Show the whole page; days and search are in the address."""
    session_of(request).pop(STEP_IN_SESSION, None)  # the way back from a step of the setup ends here
    context = await _context(request, hub, recent_facts, upstream)
    setup = await setup_of(hub, context["frame"])
    return Template("dashboard/dashboard.html", context={**context, "setup": None if setup.complete else setup})


@get("/integrasi/{upstream:str}/cards", opt={"right": Right.PANEL, "live": True})
async def live_cards(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    recent_facts: NamedDependency[RecentFacts],
    upstream: FromPath[str],
) -> Template:
    """Return the part of the page that it polls every few seconds."""
    return Template("dashboard/live.html", context=await _context(request, hub, recent_facts, upstream))


async def _context(
    request: Request[Any, Any, Any], hub: Hub, recent_facts: RecentFacts, upstream: str
) -> dict[str, Any]:
    layout, days = await layout_for(request, upstream), _days(request)
    text = request.query_params.get("q", "").strip()
    picture = await day_picture(hub, layout, layout.facility, days) if layout.facility else None
    groups = await cards(hub, layout, days, text, picture.weeks if picture else NO_WEEKS)
    causes = await causes_of(hub, layout, recent_facts, upstream)
    if layout.facility is not None:
        causes = await open_causes(hub, layout.facility, causes)
    todos = await todo(hub, layout, causes)
    return {
        "frame": layout,
        "days": days,
        "text": text,
        "picture": picture,
        "spark": SPARK,
        "line": LINE,
        "todo": todos[:MAX_TODOS],
        "todos": len(todos),
        "n_problems": len(causes),
        "groups": groups,
        "totals": totals(groups, layout, days),
        "summary": summary(groups, layout),
        "presets": presets(layout.facility, hub.database.clock()) if layout.facility else {},
        "period": period_text(days),
    }


def _days(request: Request[Any, Any, Any]) -> ListFilters:
    chosen = ListFilters.read(request.query_params)
    return ListFilters().during(chosen.date_from, chosen.date_to)


def period_text(days: ListFilters) -> str:
    """Return the chosen days in words, e.g. 01/03/2026 – 10/03/2026."""
    first, last = (day(date) if date else "" for date in (days.date_from, days.date_to))
    if not first and not last:
        return say("dashboard.all_days")
    if first == last:
        return first
    return (
        f"{first} – {last}"
        if first and last
        else say("dashboard.since" if first else "dashboard.until", day=first or last)
    )
