"""A person's hand on one delivery: send it again, as it would be made now or as it stands, or set it aside."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from admin.http.access import Right
from admin.http.parameters import Id
from admin.pages.deliveries.opened import OpenDelivery, open_delivery
from admin.people.permissions import Permission
from admin.people.users import Person
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox.resend import ActionResult, Written, ignore, resend
from engine.queries import deliveries

OPT = {"right": Right.PANEL, "may": Permission.RESEND}
LONGEST_REASON = 500


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/resend", opt=OPT, include_in_schema=False)
async def resend_delivery(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Make it due again, by default with the payload of now; what was sent needs the word force and a reason."""
    found = await open_delivery(request, hub, upstream, spec, id_)
    reason = reason_of(data)
    force = data.get("force") == "yes" and bool(reason)
    if found.row.status == Status.SENT and found.no_force():
        return back(found, "final")
    written = Written(None) if data.get("how") != "stored" else await _as_it_stands(found)
    facility_id = found.facility.id
    outcomes = await resend(hub.database, facility_id, [id_], person.name, reason=reason, force=force, written=written)
    if outcomes[id_] is ActionResult.DONE:
        hub.bell.ring(found.entry.name, facility_id)
    return back(found, outcomes[id_])


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/abaikan", opt=OPT, include_in_schema=False)
async def ignore_delivery(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Set it aside, with a reason."""
    found = await open_delivery(request, hub, upstream, spec, id_)
    reason = reason_of(data)
    if not reason:
        return back(found, "reason_missing")
    outcomes = await ignore(hub.database, found.facility.id, [id_], person.name, reason=reason)
    return back(found, "ignored" if outcomes[id_] is ActionResult.DONE else "not_ignored")


def reason_of(form: dict[str, str]) -> str:
    """Why, in the person's words; PostgreSQL takes no NUL."""
    return form.get("reason", "").replace("\x00", "").strip()[:LONGEST_REASON]


def back(found: OpenDelivery, told: str) -> Redirect:
    """To the delivery, which then says what became of the wish."""
    return Redirect(f"{found.address}{found.chosen.address(told=told)}", status_code=303)


async def _as_it_stands(found: OpenDelivery) -> Written | None:
    """What a person wrote is kept; else the last request that was of the same kind as the next."""
    if found.row.body is not None:
        return None
    last = found.last_request()
    rows = await deliveries.tries(found.hub.database, found.row.id, [last.id]) if last else {}
    bodies = [row.request.decode() for row in rows.values() if row.request]
    return Written(bodies[0]) if bodies else None
