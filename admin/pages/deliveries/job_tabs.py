"""Head of the lists of upstreams that share an area: their tabs, the choice of the type, and four figures."""

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

# Figure -> statuses that it counts; none means all.
FIGURES: Mapping[str, tuple[Status, ...]] = {
    "total": (),
    "waiting": (Status.QUEUED, Status.RETRYING, Status.BLOCKED, Status.SENDING, Status.UNSURE),
    "sent": (Status.SENT,),
    "failed": (Status.FAILED,),
}
MAX_COUNTED = 1_000  # for filters that the stored counters do not cover


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, which is also a filter of the list."""

    name: str
    count: Count
    address: str
    on: bool


async def figures(hub: Hub, layout: Layout, entry: Spec, chosen: ListFilters) -> list[Figure]:
    """Return the four figures of an area's list; they follow the filter except for its status."""
    if not layout.upstream.area:
        return []
    facility_id = layout.facility.id if layout.facility else 0
    days = (chosen.date_from or None, chosen.date_to or None)
    counts = (await counters.read(hub.database, facility_id, *days)).get(entry.name, {})
    boxes = []
    for name, statuses in FIGURES.items():
        narrowed = replace(chosen, statuses=statuses)
        if chosen.text or chosen.code or chosen.cause:
            count = await paging.count(hub.database, facility_id, narrowed.filters([entry.name]), MAX_COUNTED)
        else:
            count = Count(sum(n for status, n in counts.items() if not statuses or status in statuses))
        boxes.append(Figure(name, count, narrowed.address(), chosen.statuses == statuses))
    return boxes


@get("/monitoring/{upstream:str}", opt={"right": Right.PANEL})
async def monitoring(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str], jenis: Text = ""
) -> Redirect:
    """Redirect to the list of the chosen type with the same filter; by default to the first type, filtered to today."""
    layout = await layout_for(request, upstream)
    area = area_of(hub, layout)
    if area is None or not area.specs:
        raise NotFoundException(say("error.not_found"))
    chosen = ListFilters.read(request.query_params)
    if not jenis and layout.facility is not None:
        chosen = chosen.during(*presets(layout.facility, hub.database.clock())["today"])
    spec = next((spec for spec in area.specs if spec.name == jenis), area.specs[0])
    return Redirect(f"/integrasi/{spec.upstream.name}/{spec.name}{chosen.address()}")
