"""Actions on one delivery: resend it with a new or the stored payload, or ignore it."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from admin.http.access import Right
from admin.pages.deliveries.opened import OPENED, OpenDelivery, Opened
from admin.people.permissions import Permission
from admin.people.users import Person
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox.resend import ActionResult, Written, ignore, resend
from engine.queries import deliveries

OPT = {"right": Right.PANEL, "may": Permission.RESEND}
MAX_REASON_CHARACTERS = 500


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/resend", opt=OPT, dependencies=OPENED)
async def resend_delivery(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Make the delivery due again, by default with a new payload; a sent one needs `force` and a reason."""
    reason = reason_of(data)
    force = data.get("force") == "yes" and bool(reason)
    if opened.row.status == Status.SENT and opened.no_force():
        return back(opened, "final")
    written = Written(None) if data.get("how") != "stored" else await _stored_body(opened)
    facility_id, id_ = opened.facility.id, opened.row.id
    outcomes = await resend(hub.database, facility_id, [id_], person.name, reason=reason, force=force, written=written)
    if outcomes[id_] is ActionResult.DONE:
        hub.bell.ring(opened.entry.name, facility_id)
    return back(opened, outcomes[id_])


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/abaikan", opt=OPT, dependencies=OPENED)
async def ignore_delivery(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Ignore the delivery, with a reason."""
    reason = reason_of(data)
    if not reason:
        return back(opened, "reason_missing")
    id_ = opened.row.id
    outcomes = await ignore(hub.database, opened.facility.id, [id_], person.name, reason=reason)
    return back(opened, "ignored" if outcomes[id_] is ActionResult.DONE else "not_ignored")


def reason_of(form: dict[str, str]) -> str:
    """Return the person's reason, without NUL, which PostgreSQL does not accept."""
    return form.get("reason", "").replace("\x00", "").strip()[:MAX_REASON_CHARACTERS]


def back(opened: OpenDelivery, message: str) -> Redirect:
    """Redirect to the delivery, which shows the result of the action."""
    return Redirect(f"{opened.address}{opened.chosen.address(told=message)}", status_code=303)


async def _stored_body(opened: OpenDelivery) -> Written | None:
    """Return None to keep an edited body; else the body of the last request of the same operation as the next."""
    if opened.row.body is not None:
        return None
    last = opened.last_request()
    rows = await deliveries.tries(opened.hub.database, opened.row.id, [last.id]) if last else {}
    bodies = [row.request.decode() for row in rows.values() if row.request]
    return Written(bodies[0]) if bodies else None
