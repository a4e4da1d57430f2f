"""*Regenerate* for foundation types: preview what would be sent again, then a job that sends it."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import SkipValidation
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType, OpenType
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub
from engine.jobs import regenerate

BULK = {"right": Right.PANEL, "may": Permission.BULK}


async def _open_foundation(opened_type: OpenedType) -> OpenType:
    """Return the type; raise 404 if it is no foundation type, or if no facility exists yet."""
    if not opened_type.entry.foundation or opened_type.layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return opened_type


OpenedFoundation = NamedDependency[SkipValidation[OpenType]]
FOUNDATION = {**OPENED_TYPE, "opened": Provide(_open_foundation)}


@get("/integrasi/{upstream:str}/{spec:str}/regenerate", opt=BULK, dependencies=FOUNDATION)
async def regenerate_page(hub: NamedDependency[Hub], opened: OpenedFoundation) -> Template:
    """Show how many deliveries would change; nothing is sent yet."""
    entry, facility = opened.entry, opened.facility()
    preview = await regenerate.preview(hub.database, hub.catalog.items, entry, facility)
    running = (await regenerate.under_way(hub.database, facility.id, entry.upstream.name)).get(entry.name)
    context = {
        "frame": opened.layout,
        "spec": entry,
        "found": preview,
        "most": regenerate.MAX_DELIVERIES,
        "running": running,
    }
    return Template("jobs/regenerate.html", context=context)


@post("/integrasi/{upstream:str}/{spec:str}/regenerate", opt=BULK, dependencies=FOUNDATION)
async def begin_regenerate(
    hub: NamedDependency[Hub], person: NamedDependency[Person], opened: OpenedFoundation
) -> Redirect:
    """Begin the job and go back to the dashboard, where the type's card shows its progress."""
    entry = opened.entry
    await regenerate.start(
        hub.database, hub.catalog.items, entry, opened.facility(), reason=say("regenerate.title"), actor=person.name
    )
    return Redirect(f"/integrasi/{entry.upstream.name}", status_code=303)
