"""*Dihapus di sistem klinik*: rows that have disappeared while what was sent of them still stands; a person decides."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Text
from admin.pages.shared.formatting import day, moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.refusal_words import whole
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized
from engine.database.audit import note_now
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.identifiers import masked
from engine.sources.undecided import UndecidedRow, count_undecided, let_stand, undecided

PAGE = "/masalah/dihapus"
PAGE_SIZE = 50


@get(PAGE, opt={"right": Right.PANEL})
async def gone_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    source: Text = "",
    read: Text = "",
    after: Text = "",
) -> Template:
    """Show the rows that wait for a decision."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    rows: list[UndecidedRow] = []
    if layout.facility is not None:
        place = (source, read, after)
        rows = await undecided(hub.database, hub.catalog, layout.facility.id, place, PAGE_SIZE + 1)
    last = rows[PAGE_SIZE - 1] if len(rows) > PAGE_SIZE else None
    following = {"source": last.source, "read": last.read, "after": last.key} if last is not None else {}
    context = {
        "frame": layout,
        "rows": [_row(hub, layout, layout.facility, row) for row in rows[:PAGE_SIZE] if layout.facility],
        "total": await count_undecided(hub.database, hub.catalog, layout.facility.id) if layout.facility else 0,
        "first_link": PAGE if after else "",
        "next_link": f"?{urlencode(following)}" if following else "",
        "may": layout.may(Permission.EDIT),
    }
    return Template("problems/gone.html", context=context)


@post(PAGE, opt={"right": Right.PANEL, "may": Permission.EDIT})
async def let_record_stand(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Redirect:
    """Let a record stand as it was sent although its row has been deleted."""
    layout, form = await layout_for(request, next(iter(hub.catalog.upstreams))), data or {}
    source, read, key = (form.get(name, "") for name in ("source", "read", "key"))
    if layout.facility is not None and "\x00" not in source + read + key:
        facility_id = layout.facility.id
        if await let_stand(hub.database, facility_id, source, read, key, person.name):
            reason = f"{source} {read} {masked(key)}"
            await note_now(hub.database, person.name, "source.left", facility_id=facility_id, reason=reason)
    return Redirect(PAGE, status_code=303)


def _row(hub: Hub, layout: Layout, facility: FacilityRow, row: UndecidedRow) -> dict[str, Any]:
    spec = hub.catalog.specs.get(row.spec)
    address = f"/integrasi/{spec.upstream.name}/{row.spec}/{row.delivery_id}" if spec and row.delivery_id else ""
    return {
        "row": row,
        "key": masked(row.key),
        "norm": masked(row.norm or ""),
        "name": row.name or "",
        "label": localized(spec.label) if spec else row.spec,
        "source": localized(hub.catalog.sources[row.source].label),
        "day": day(row.last_day) if row.last_day else "",
        "at": moment(row.at, facility),
        "problem": whole(hub.catalog, row.spec, row.problem),
        "address": address,
        "withdraw": f"{address}/tarik" if address and spec is not None and spec.withdrawal is not None else "",
    }
