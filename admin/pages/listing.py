"""The page of a record type: its deliveries with the columns that the entry declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from admin.access import Right
from admin.inputs import Number, Text
from admin.pages.frame import Frame, frame
from admin.pages.shown import entry_of, shown_row, zone_name
from engine import deliveries
from engine.deliveries import Filters
from engine.hub import Hub
from engine.models import Status
from engine.spec import Spec

SIZES = (25, 50, 100)


@get("/integrasi/{upstream:str}/{spec:str}", opt={"right": Right.PANEL}, include_in_schema=False)
async def type_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    spec: FromPath[str],
    status: Text = "",
    date: Text = "",
    key: Text = "",
    norm: Text = "",
    after: Number = None,
    size: FromQuery[int] = SIZES[0],
) -> Template:
    """A page of deliveries, newest first; everything that is chosen stands in the address."""
    around, entry = await frame(request, upstream), entry_of(hub, upstream, spec)
    chosen = {"status": status if status in set(Status) else "", "date": date, "key": key.strip(), "norm": norm.strip()}
    size = size if size in SIZES else SIZES[0]
    page = await _page(hub, around, entry, chosen, after, size)
    shown = {name: value for name, value in {**chosen, "size": size}.items() if value}
    return Template(
        "type.html",
        context={
            "frame": around,
            "spec": entry,
            "chosen": chosen,
            "filtered": any(chosen.values()),
            "zone": zone_name(around.facility) if around.facility else "",
            "statuses": list(Status),
            "rows": [shown_row(entry, around, row) for row in page.rows],
            "first": after is None,
            "first_link": f"?{urlencode(shown)}",
            "next_link": f"?{urlencode({**shown, 'after': page.next})}" if page.next else None,
        },
    )


async def _page(
    hub: Hub, around: Frame, spec: Spec, chosen: Mapping[str, str], after: int | None, size: int
) -> deliveries.Page:
    if around.facility is None:
        return deliveries.Page([], None)
    filters = Filters(
        specs=(spec.name,),
        statuses=(chosen["status"],) if chosen["status"] else (),
        key=chosen["key"] or None,
        norm=chosen["norm"] or None,
        date_from=chosen["date"] or None,
        date_to=chosen["date"] or None,
    )
    return await deliveries.page(hub.database, around.facility.id, filters, after, size)
