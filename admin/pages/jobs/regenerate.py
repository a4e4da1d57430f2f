"""*Regenerate* for foundation types: preview what would be sent again, then a job that sends it."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.pages.shared.formatting import entry_of
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.jobs import regenerate
from engine.specs.record_type import Spec

BULK = {"right": Right.PANEL, "may": Permission.BULK}


@get("/integrasi/{upstream:str}/{spec:str}/regenerate", opt=BULK)
async def regenerate_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str], spec: FromPath[str]
) -> Template:
    """Show how many deliveries would change; nothing is sent yet."""
    entry, layout, facility = await _foundation_type(request, hub, upstream, spec)
    preview = await regenerate.preview(hub.database, hub.catalog.items, entry, facility)
    running = (await regenerate.under_way(hub.database, facility.id, upstream)).get(entry.name)
    context = {"frame": layout, "spec": entry, "found": preview, "most": regenerate.MAX_DELIVERIES, "running": running}
    return Template("jobs/regenerate.html", context=context)


@post("/integrasi/{upstream:str}/{spec:str}/regenerate", opt=BULK)
async def begin_regenerate(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
) -> Redirect:
    """Begin the job and go back to the dashboard, where the type's card shows its progress."""
    entry, _, facility = await _foundation_type(request, hub, upstream, spec)
    await regenerate.start(
        hub.database, hub.catalog.items, entry, facility, reason=say("regenerate.title"), actor=person.name
    )
    return Redirect(f"/integrasi/{upstream}", status_code=303)


async def _foundation_type(
    request: Request[Any, Any, Any], hub: Hub, upstream: str, spec: str
) -> tuple[Spec, Layout, FacilityRow]:
    entry, layout = entry_of(hub, upstream, spec), await layout_for(request, upstream)
    if not entry.foundation or layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return entry, layout, layout.facility
