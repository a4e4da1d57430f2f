"""One inbound request: what was asked, what was answered, and how it reached the clinic's system."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Id
from admin.pages.inbound_requests import inbound_layout, inbound_of, request_view
from admin.pages.shared.json_view import folded
from admin.people.permissions import Permission
from admin.text.words import say
from engine.hub import Hub
from engine.identifiers import masked
from engine.inbound import requests
from engine.inbound.opening_hours import poli_names


@get("/masuk/{inbound:str}/{id_:int}", opt={"right": Right.PANEL})
async def request_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], inbound: FromPath[str], id_: Id
) -> Template:
    """Show the request as a page, or the content of a drawer when htmx asks; identifiers are masked."""
    declared = inbound_of(hub, inbound)
    layout = await inbound_layout(request, hub, declared)
    row = await requests.one(hub.database, layout.facility.id, inbound, id_) if layout.facility else None
    if row is None or layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    polis = await poli_names(hub.database, layout.facility.id, declared)
    view = request_view(layout.facility, row, polis)
    is_partial = "hx-request" in request.headers
    context = {
        "frame": layout,
        "inbound": declared,
        "row": view,
        "events": _events(view),
        "bodies": layout.may(Permission.BODIES),
        "content": folded(row.content.encode(), masked),
        "answer": folded(row.answer.encode(), masked),
        "drawer": is_partial,
    }
    return Template("inbound/request.html" if is_partial else "inbound/request_page.html", context=context)


def _events(view: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the timeline of a request: asked and answered at once, stored, and forwarded."""
    accepted = view["code"] == requests.DONE
    kind, icon = ("good", "check") if accepted else ("bad", "minus")
    events = [
        {"time": view["at"], "icon": "inbox", "kind": "", "what": say("inbound.event.asked"), "note": ""},
        {
            "time": view["at"],
            "icon": icon,
            "kind": kind,
            "what": say("inbound.event.answered", answer=say(f"inbound.code.{view['code']}")),
            "note": view["message"],
        },
        {"time": view["at"], "icon": "database", "kind": "", "what": say("inbound.event.stored"), "note": ""},
    ]
    if view["tries"]:
        tried = say("inbound.event.tried", n=view["tries"])
        events.append(
            {"time": view["next"], "icon": "refresh", "kind": "bad", "what": tried, "note": view["problem"] or ""}
        )
    if view["taken"]:
        taken = say("inbound.event.taken")
        events.append({"time": view["taken"], "icon": "check", "kind": "good", "what": taken, "note": ""})
    else:
        events.append({"time": None, "icon": "clock", "kind": "", "what": say("inbound.waiting"), "note": ""})
    return events
