"""Resend one failed delivery from its list without a confirmation; it can be undone for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import SkipValidation
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Id
from admin.pages.deliveries.listing import Listing, listing_of
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub
from engine.outbox.delayed_resend import schedule_resend, undo_resend
from engine.outbox.resend import ActionResult
from engine.queries import paging

OPT = {"right": Right.PANEL, "may": Permission.RESEND}


@dataclass(frozen=True, slots=True)
class ListedDelivery:
    """A delivery as a row of the unfiltered list of its type."""

    listing: Listing
    id: int

    async def row(self) -> Any:
        """Return the present row; raise 404 if the list does not have it."""
        listing = self.listing
        rows = await paging.by_ids(listing.hub.database, listing.facility_id, listing.entry.name, [self.id])
        if not rows:
            raise NotFoundException(say("error.not_found"))
        return rows[0]


async def _open_listed(opened_type: OpenedType, id_: Id) -> ListedDelivery:
    delivery = ListedDelivery(listing_of(opened_type, ListFilters()), id_)
    await delivery.row()
    return delivery


Listed = NamedDependency[SkipValidation[ListedDelivery]]
LISTED = {**OPENED_TYPE, "delivery": Provide(_open_listed)}


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/kirim-ulang", opt=OPT, dependencies=LISTED)
async def resend_soon(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    delivery: Listed,
) -> Response[Any]:
    """Resend the delivery in a few seconds, unless it is undone."""
    outcome = await schedule_resend(hub.database, delivery.listing.facility_id, delivery.id, person.name)
    result = "held" if outcome is ActionResult.DONE else "already"
    return await _answer(request, delivery, say(f"type.told.{result}"))


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/urungkan", opt=OPT, dependencies=LISTED)
async def undo(request: Request[Any, Any, Any], hub: NamedDependency[Hub], delivery: Listed) -> Response[Any]:
    """Undo the resend, if it was not sent yet."""
    undone = await undo_resend(hub.database, delivery.listing.facility_id, delivery.id)
    result = "undone" if undone else "late"
    return await _answer(request, delivery, say(f"type.told.{result}"))


async def _answer(request: Request[Any, Any, Any], delivery: ListedDelivery, message: str) -> Response[Any]:
    """Return the row's cells to htmx; else redirect to the list the person came from."""
    listing = delivery.listing
    if "hx-request" in request.headers:
        rows = await listing.views([await delivery.row()])
        return Template("deliveries/list_changes.html", context={**listing.context, "rows": rows, "message": message})
    came_from = urlsplit(request.headers.get("referer", ""))
    own = f"/integrasi/{listing.layout.upstream.name}/{listing.entry.name}"
    return Redirect(f"{own}?{came_from.query}" if came_from.path == own else own, status_code=303)
