"""What stands above the lists of upstreams that share an area: their tabs, the choice of the job, four figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from admin.http.access import Right
from admin.http.parameters import Text
from admin.pages.shared.areas import area_of
from admin.pages.shared.filters import ListFilters, presets
from admin.pages.shared.layout import Layout, layout_for
from admin.text.words import say
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox import counters
from engine.queries import paging
from engine.queries.paging import Count
from engine.specs.record_type import Spec

FIGURES: Mapping[str, tuple[Status, ...]] = {
    "total": (),
    "waiting": (Status.QUEUED, Status.RETRYING, Status.BLOCKED, Status.SENDING, Status.UNSURE),
    "sent": (Status.SENT,),
    "failed": (Status.FAILED,),
}
"""Figure -> the statuses it counts; none: all."""
COUNTED = 1_000
"""So far is counted what no counter knows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, which is a filter too."""

    name: str
    count: Count
    address: str
    on: bool


async def figures(hub: Hub, layout: Layout, entry: Spec, chosen: ListFilters) -> list[Figure]:
    """The four figures of an area's list; they follow the filter, but for the status, which they choose themselves."""
    if not layout.upstream.area:
        return []
    facility_id = layout.facility.id if layout.facility else 0
    days = (chosen.date_from or None, chosen.date_to or None)
    known = (await counters.read(hub.database, facility_id, *days)).get(entry.name, {})
    found = []
    for name, statuses in FIGURES.items():
        narrowed = replace(chosen, statuses=statuses)
        if chosen.text or chosen.code or chosen.cause:
            count = await paging.count(hub.database, facility_id, narrowed.filters([entry.name]), COUNTED)
        else:
            count = Count(sum(n for status, n in known.items() if not statuses or status in statuses))
        found.append(Figure(name, count, narrowed.address(), chosen.statuses == statuses))
    return found


@get("/monitoring/{upstream:str}", opt={"right": Right.PANEL}, include_in_schema=False)
async def monitoring(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str], jenis: Text = ""
) -> Redirect:
    """The list of the job that was chosen, with the filter as it was; at first the first job, of today."""
    layout = await layout_for(request, upstream)
    area = area_of(hub, layout)
    if area is None or not area.specs:
        raise NotFoundException(say("error.not_found"))
    chosen = ListFilters.read(request.query_params)
    if not jenis and layout.facility is not None:
        chosen = chosen.during(*presets(layout.facility, hub.database.clock())["today"])
    spec = next((each for each in area.specs if each.name == jenis), area.specs[0])
    return Redirect(f"/integrasi/{spec.upstream.name}/{spec.name}{chosen.address()}")
