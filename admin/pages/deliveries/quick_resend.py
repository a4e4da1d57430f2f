"""Resend one failed delivery from its list without a confirmation; it can be undone for a few seconds."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Id
from admin.pages.deliveries.listing import Listing, listing_of
from admin.pages.shared.filters import ListFilters
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub
from engine.outbox.delayed_resend import schedule_resend, undo_resend
from engine.outbox.resend import ActionResult
from engine.queries import paging

OPT = {"right": Right.PANEL, "may": Permission.RESEND}


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/kirim-ulang", opt=OPT)
async def resend_soon(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
) -> Response[Any]:
    """Resend the delivery in a few seconds, unless it is undone."""
    listing = await listing_of(request, hub, upstream, spec, ListFilters())
    await _row(listing, id_)
    outcome = await schedule_resend(hub.database, listing.facility_id, id_, person.name)
    result = "held" if outcome is ActionResult.DONE else "already"
    return await _answer(request, listing, id_, say(f"type.told.{result}"))


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/urungkan", opt=OPT)
async def undo(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
) -> Response[Any]:
    """Undo the resend, if it was not sent yet."""
    listing = await listing_of(request, hub, upstream, spec, ListFilters())
    await _row(listing, id_)
    result = "undone" if await undo_resend(hub.database, listing.facility_id, id_) else "late"
    return await _answer(request, listing, id_, say(f"type.told.{result}"))


async def _row(listing: Listing, id_: int) -> Any:
    rows = await paging.by_ids(listing.hub.database, listing.facility_id, listing.entry.name, [id_])
    if not rows:
        raise NotFoundException(say("error.not_found"))
    return rows[0]


async def _answer(request: Request[Any, Any, Any], listing: Listing, id_: int, message: str) -> Response[Any]:
    """Return the row's cells to htmx; else redirect to the list the person came from."""
    if "hx-request" in request.headers:
        rows = await listing.views([await _row(listing, id_)])
        return Template("deliveries/list_changes.html", context={**listing.context, "rows": rows, "told": message})
    came_from = urlsplit(request.headers.get("referer", ""))
    own = f"/integrasi/{listing.layout.upstream.name}/{listing.entry.name}"
    return Redirect(f"{own}?{came_from.query}" if came_from.path == own else own, status_code=303)
