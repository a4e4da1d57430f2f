"""One delivery in full: where it stands and why, each try, the record as it came; and sending it again."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from admin.access import Right
from admin.accounts import Person
from admin.inputs import Id
from admin.pages.frame import frame
from admin.pages.shown import entry_of, masked, moment, pretty, shown_row
from admin.permissions import Permission
from admin.words import say
from engine import deliveries
from engine.facilities import FacilityRow
from engine.hub import Hub
from engine.models import Status
from engine.outbox.resend import Handled, resend

RESENDABLE = {Status.FAILED, Status.UNSURE, Status.RETRYING, Status.IGNORED, Status.SENT}


@get("/integrasi/{upstream:str}/{spec:str}/{id_:int}", opt={"right": Right.PANEL}, include_in_schema=False)
async def delivery_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    told: FromQuery[str] = "",
) -> Template:
    """One delivery: where it stands and why, each try with its exact bodies, the record as it came."""
    around, entry = await frame(request, upstream), entry_of(hub, upstream, spec)
    detail = await deliveries.one(hub.database, around.facility.id, id_) if around.facility else None
    if detail is None or detail.row.spec != entry.name or around.facility is None:
        raise NotFoundException(say("error.not_found"))
    zone = around.facility
    return Template(
        "delivery.html",
        context={
            "frame": around,
            "spec": entry,
            "row": shown_row(entry, around, detail.row),
            "delivery": detail.row,
            "record": pretty(detail.row.record.encode()),
            "attempts": [_attempt(row, zone) for row in detail.attempts],
            "waits_for": [_link(hub, row) for row in detail.waits_for],
            "waited_for_by": [_link(hub, row) for row in detail.waited_for_by],
            "resendable": detail.row.status in RESENDABLE,
            "needs_force": detail.row.status == Status.SENT,
            "times": {
                name: moment(getattr(detail.row, f"{name}_at"), zone)
                for name in ("created", "changed", "sent", "settled", "due")
            },
            "told": say(f"told.{told}") if told in set(Handled) else "",
        },
    )


@post(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}/resend",
    opt={"right": Right.PANEL, "may": Permission.RESEND},
    include_in_schema=False,
)
async def resend_delivery(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Make it due again; what was sent needs the word force and a reason."""
    around, entry = await frame(request, upstream), entry_of(hub, upstream, spec)
    if around.facility is None:
        raise NotFoundException(say("error.not_found"))
    reason = data.get("reason", "").replace("\x00", "").strip()[:500]
    force = data.get("force") == "yes" and bool(reason)
    told = (await resend(hub.database, around.facility.id, [id_], person.name, reason=reason, force=force))[id_]
    if told is Handled.DONE:
        hub.bell.ring(entry.name, around.facility.id)
    return Redirect(f"/integrasi/{upstream}/{spec}/{id_}?told={told}", status_code=303)


def _attempt(row: Any, facility: FacilityRow) -> dict[str, Any]:
    return {
        "operation": say(f"operation.{row.operation}"),
        "verdict": say(f"verdict.{row.verdict}"),
        "good": row.verdict == "accepted",
        "time": moment(row.at, facility),
        "milliseconds": row.milliseconds,
        "http_status": row.http_status,
        "code": row.code,
        "message": masked(row.message),
        "trigger": row.trigger,
        "spec_hash": row.spec_hash,
        "line": masked(f"{row.method} {row.path}") if row.method else "",
        "request": pretty(row.request),
        "response": pretty(row.response),
    }


def _link(hub: Hub, row: Any) -> dict[str, Any]:
    """A delivery that this one waits for, or that waits for this one; it may not have been handed in yet."""
    spec = hub.catalog.specs.get(row.spec)
    return {
        "label": spec.label if spec else row.spec,
        "key": row.key,
        "status": say(f"status.{row.status}") if row.status else say("delivery.not_here"),
        "address": f"/integrasi/{spec.upstream.name}/{row.spec}/{row.id}" if spec and row.id else None,
    }
