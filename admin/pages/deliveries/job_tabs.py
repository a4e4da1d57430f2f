"""Head of the lists of upstreams that share an area: choice of the type, of the day and of the status, four figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Text
from admin.pages.shared.areas import Area, area_of, first_of_area
from admin.pages.shared.filters import ListFilters, presets
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.text.words import number, say
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox import counters
from engine.queries import paging
from engine.queries.paging import Count
from engine.specs.record_type import Spec

# StatusChoice -> statuses that it selects; none means all. Each status is in exactly one, so that the figures add up.
CHOICES: Mapping[str, tuple[Status, ...]] = {
    "all": (),
    "failed": (Status.UNSURE, Status.FAILED, Status.IGNORED),
    "waiting": (Status.BLOCKED, Status.QUEUED, Status.SENDING, Status.RETRYING),
    "sent": (Status.SENT,),
}
# Statuses that a figure counts and names: they are in it although its word does not say so.
NAMED = {"waiting": (Status.BLOCKED,), "failed": (Status.UNSURE, Status.IGNORED)}
FIGURES = ("all", "waiting", "sent", "failed")  # order of the cards


@dataclass(frozen=True, slots=True)
class StatusChoice:
    """A choice of statuses as one link; `on`: it is the present filter."""

    name: str
    address: str
    on: bool


@dataclass(frozen=True, slots=True)
class StatusFigure:
    """One figure, which is also a filter of the list; `note` names the statuses in it that its word does not say."""

    name: str
    count: Count
    address: str
    on: bool
    note: str


@dataclass(frozen=True, slots=True)
class JobChoice:
    """A type in the drop-down, with the number of its failures on the chosen days."""

    spec: Spec
    failed: int


def choices(chosen: ListFilters) -> list[StatusChoice]:
    """Return the choices of the status filter."""
    return [
        StatusChoice(name, replace(chosen, statuses=statuses).address(), _same(chosen.statuses, statuses))
        for name, statuses in CHOICES.items()
    ]


def _same(chosen: tuple[str, ...], statuses: tuple[Status, ...]) -> bool:
    return set(chosen) == set(statuses)


async def head(hub: Hub, layout: Layout, area: Area, entry: Spec, chosen: ListFilters) -> dict[str, Any]:
    """Return the context of the head of an area's list: choices, types with their failures, figures."""
    facility_id = layout.facility.id if layout.facility else 0
    by_type = await counters.read(hub.database, facility_id, chosen.date_from or None, chosen.date_to or None)
    failed = {name: sum(counts.get(status, 0) for status in CHOICES["failed"]) for name, counts in by_type.items()}
    return {
        "choices": choices(chosen),
        "jobs": [JobChoice(spec, failed.get(spec.name, 0)) for spec in area.specs],
        "reset": f"/monitoring/{layout.upstream.name}?jenis={entry.name}&awal=1",
        **await _figures(hub, layout, entry, chosen, by_type.get(entry.name, {})),
    }


async def _figures(
    hub: Hub, layout: Layout, entry: Spec, chosen: ListFilters, stored: Mapping[str, int]
) -> dict[str, Any]:
    """Return the four figures, which follow the filter except for its status, and the time at which they were read."""
    counts = {status: Count(stored.get(status, 0)) for status in Status}
    if not chosen.is_counted:
        facility_id = layout.facility.id if layout.facility else 0
        for status in Status:
            of_status = replace(chosen, statuses=(status,)).filters([entry.name])
            counts[status] = await paging.count(hub.database, facility_id, of_status)
    return {
        "figures": [_figure(name, chosen, layout, counts) for name in FIGURES],
        "updated": _clock(hub, layout),
    }


def _figure(name: str, chosen: ListFilters, layout: Layout, counts: Mapping[Status, Count]) -> StatusFigure:
    statuses = CHOICES[name]
    members = [counts[status] for status in statuses or Status]
    notes = (f"{number(counts[status].n)} {layout.label(status)}" for status in NAMED.get(name, ()) if counts[status].n)
    total = Count(sum(count.n for count in members), any(count.more for count in members))
    address = replace(chosen, statuses=statuses).address()
    return StatusFigure(name, total, address, _same(chosen.statuses, statuses), ", ".join(notes))


def _clock(hub: Hub, layout: Layout) -> str:
    """Return the present time of day at the clinic, e.g. 23.31.05."""
    return f"{layout.facility.local(hub.database.clock()):%H.%M.%S}" if layout.facility else ""


@get("/integrasi/{upstream:str}/{spec:str}/angka", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_TYPE)
async def live_figures(request: Request[Any, Any, Any], hub: NamedDependency[Hub], opened_type: OpenedType) -> Template:
    """Return the figures, which the list polls every few seconds."""
    layout, entry = opened_type.layout, opened_type.entry
    chosen = ListFilters.read(request.query_params, entry)
    area = area_of(hub, layout)
    if area is None:
        raise NotFoundException(say("error.not_found"))
    context = await head(hub, layout, area, entry, chosen)
    return Template(
        "deliveries/job_figures.html", context={"frame": layout, "spec": entry, "chosen": chosen, **context}
    )


@get("/monitoring", opt={"right": Right.PANEL})
async def first_monitoring(hub: NamedDependency[Hub]) -> Redirect:
    """Redirect to the monitoring of the first area."""
    return Redirect(f"/monitoring/{first_of_area(hub)}")


@get("/monitoring/{upstream:str}", opt={"right": Right.PANEL})
async def monitoring(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    jenis: Text = "",
    awal: Text = "",
    size: Text = "",
) -> Redirect:
    """Redirect to the list of the chosen type with the same filter; without one, or with `awal`, filtered to today."""
    layout = await layout_for(request, upstream)
    area = area_of(hub, layout)
    if area is None or not area.specs:
        raise NotFoundException(say("error.not_found"))
    chosen = ListFilters.read(request.query_params)
    if (awal or not jenis) and layout.facility is not None:
        chosen = chosen.during(*presets(layout.facility, hub.database.clock())["today"])
    spec = next((spec for spec in area.specs if spec.name == jenis), area.specs[0])
    return Redirect(f"/integrasi/{spec.upstream.name}/{spec.name}{chosen.of_type(spec).address(size=size)}")
