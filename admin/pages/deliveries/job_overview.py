"""Overview of an area: one small card per type, in the order of a visit, with figures and hours of one day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Template

from admin.http.access import Right
from admin.pages.deliveries.job_charts import job_charts
from admin.pages.deliveries.job_tabs import CHOICES
from admin.pages.shared.areas import area_of, first_of_area
from admin.pages.shared.charts import Chart
from admin.pages.shared.filters import ListFilters, presets
from admin.pages.shared.formatting import day
from admin.pages.shared.layout import layout_for
from admin.text.words import say
from engine.hub import Hub
from engine.outbox import counters
from engine.specs.record_type import Spec

FIGURES = ("sent", "failed", "waiting")  # order on a card


@dataclass(frozen=True, slots=True)
class JobFigure:
    """Number of a type's deliveries with one choice of statuses, and the address of their list."""

    name: str
    n: int
    address: str


@dataclass(frozen=True, slots=True)
class JobCard:
    """One type on the chosen day; `address` is its list, `chart` its hours."""

    spec: Spec
    total: int
    address: str
    figures: tuple[JobFigure, ...]
    chart: Chart | None = None


@get(["/bpjs", "/bpjs/{upstream:str}"], opt={"right": Right.PANEL})
async def job_overview(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Show the area of an upstream (the first area where none is named) on one day, by default today."""
    return Template("deliveries/job_overview.html", context=await _context(request, hub))


@get(["/bpjs/kartu", "/bpjs/{upstream:str}/kartu"], opt={"right": Right.PANEL, "live": True})
async def live_overview(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Return the cards, which the page polls every few seconds."""
    return Template("deliveries/job_cards.html", context=await _context(request, hub))


async def _context(request: Request[Any, Any, Any], hub: Hub) -> dict[str, Any]:
    upstream = str(request.path_params.get("upstream", ""))
    layout = await layout_for(request, upstream or first_of_area(hub))
    area = area_of(hub, layout)
    if area is None:
        raise NotFoundException(say("error.not_found"))
    today = presets(layout.facility, hub.database.clock())["today"][0] if layout.facility else ""
    read = ListFilters.read(request.query_params)
    chosen = ListFilters().during(*(read.date_from, read.date_to) if read.period else (today, today))
    counts: Mapping[str, Mapping[str, int]] = {}
    charts: Mapping[str, Chart] = {}
    if layout.facility is not None:
        days = (chosen.date_from or None, chosen.date_to or None)
        counts = await counters.read(hub.database, layout.facility.id, *days)
        charts = await job_charts(hub, layout.facility, [spec.name for spec in area.specs], chosen)
    own = f"/bpjs/{upstream}" if upstream else "/bpjs"
    return {
        "frame": layout,
        "area": area,
        "own": own,
        "chosen": chosen,
        "rows": [
            [replace(job_card(spec, counts.get(spec.name, {}), chosen), chart=charts.get(spec.name)) for spec in part]
            for part in area.visit
        ],
        "by_hour": bool(chosen.date_from) and chosen.date_from == chosen.date_to,
        "days": _neighbours(own, chosen, today),
    }


def job_card(spec: Spec, counts: Mapping[str, int], chosen: ListFilters) -> JobCard:
    """Return the card of a type from its counts by status; everything on it leads to the type's list."""
    home = f"/integrasi/{spec.upstream.name}/{spec.name}"
    figures = (
        JobFigure(
            name,
            sum(counts.get(status, 0) for status in CHOICES[name]),
            f"{home}{replace(chosen, statuses=CHOICES[name]).address()}",
        )
        for name in FIGURES
    )
    return JobCard(spec, sum(counts.values()), f"{home}{chosen.address()}", tuple(figures))


def _neighbours(own: str, chosen: ListFilters, today: str) -> list[tuple[str, str, bool]]:
    """Return label, address and whether it is the chosen day, of yesterday and of today."""
    if not today:
        return []
    yesterday = (date.fromisoformat(today) - timedelta(days=1)).isoformat()
    days = [("overview.yesterday", yesterday), ("overview.today", today)]
    spans = [(word, at, ListFilters().during(at, at)) for word, at in days]
    return [(say(word, day=day(at)), f"{own}{span.address()}", span == chosen) for word, at, span in spans]
