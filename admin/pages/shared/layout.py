"""What stands around every page: the upstreams, the facility, the strip of facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy import text

from admin.http.access import Connection, Right, hub_of, person, session_of
from admin.http.parameters import LARGEST
from admin.people.users import Person
from admin.text.words import say
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.health import channels, workers
from engine.hub import Hub
from engine.specs.mapping import MappingSpec
from engine.specs.upstream import UpstreamSpec

ICONS = {
    Status.SENT: "check",
    Status.SENDING: "loader-2",
    Status.QUEUED: "clock",
    Status.RETRYING: "refresh",
    Status.BLOCKED: "link",
    Status.UNSURE: "help-circle",
    Status.FAILED: "x",
    Status.IGNORED: "minus",
}
"""Status -> icon; beside the word and the colour, so that it is never told by colour alone."""

OPENED = "buka"
"""In the address of a list: the delivery that is open beside it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The upstream that a page is about, and the facility whose deliveries it shows; None: there is none yet."""

    upstream: UpstreamSpec
    upstreams: tuple[UpstreamSpec, ...]
    person: Person
    facilities: tuple[FacilityRow, ...]
    """Those that the person may see."""
    facility: FacilityRow | None
    strip: dict[str, Any]
    has_lists: bool
    """There are copies of code lists that belong to no area."""
    mappings: tuple[MappingSpec, ...]
    """Those that have a page here."""

    def mappings_of(self, upstream: UpstreamSpec) -> tuple[MappingSpec, ...]:
        """The mappings that stand among the pages of an upstream, or of its area."""
        return tuple(
            each
            for each in self.mappings
            if each.upstream.name == upstream.name or (upstream.area and each.upstream.area == upstream.area)
        )

    @property
    def areas(self) -> tuple[UpstreamSpec, ...]:
        """The first upstream of each area."""
        first = {each.area: each for each in reversed(self.upstreams) if each.area}
        return tuple(reversed(first.values()))

    def may(self, permission: str) -> bool:
        """Whether the person's role allows it; templates ask so too."""
        return permission in self.person.permissions

    def label(self, status: str) -> str:
        """The word for a status, as the upstream wants it said."""
        return self.upstream.statuses.get(status) or say(f"status.{status}")

    def icon(self, status: str) -> str:
        return ICONS[Status(status)]


async def layout_for(request: Connection, upstream: str) -> Layout:
    """Raises 404 for an upstream that the catalog does not have."""
    hub, known = hub_of(request), person(request)
    spec = hub.catalog.upstreams.get(upstream)
    if spec is None:
        raise NotFoundException(say("error.not_found"))
    visible = await permitted(hub, known)
    facility = await _chosen(request, hub, visible)
    upstreams = tuple(hub.catalog.upstreams.values())
    alone = any(not each.upstream.area for each in hub.catalog.code_lists.values())
    mappings = tuple(hub.catalog.mappings.values()) if facility else ()
    return Layout(spec, upstreams, known, visible, facility, await _strip(hub, facility), alone, mappings)


async def permitted(hub: Hub, known: Person) -> tuple[FacilityRow, ...]:
    """The facilities that a person may see."""
    rows = await all_facilities(hub.database)
    return tuple(row for row in rows if known.facility_id in (None, row.id))


async def _chosen(request: Connection, hub: Hub, visible: tuple[FacilityRow, ...]) -> FacilityRow | None:
    """The facility of the session, or that of what the address names, to which the session then goes."""
    session = session_of(request)
    wanted = session.get("facility")
    if len(visible) > 1:
        owner = await _owner(request, hub)
        if owner in {row.id for row in visible} and owner != wanted:
            session["facility"] = wanted = owner
    return next((row for row in visible if row.id == wanted), next(iter(visible), None))


async def _owner(request: Connection, hub: Hub) -> int | None:
    """Whose what the address names is; None if it names nothing of a facility."""
    path = request.path_params
    named = str(path.get("id_") or request.query_params.get(OPENED, ""))
    if not named.isdecimal() or int(named) > LARGEST:
        return None
    table = "deliveries" if "spec" in path else "items" if "mapping" in path else "jobs"
    rows = await hub.database.fetch(text(f"SELECT facility_id FROM {table} WHERE id = :id"), {"id": int(named)})
    return rows[0].facility_id if rows else None


async def _strip(hub: Hub, facility: FacilityRow | None) -> dict[str, Any]:
    found = [each for each in await channels(hub, facility.id) if each.in_use] if facility else []
    waits = [wait for each in found if (wait := each.wait(hub.database.clock())) is not None]
    return {
        "environment": hub.settings.environment,
        "channels": [{"told": each, "label": hub.catalog.upstreams[each.upstream].label} for each in found],
        "oldest": max(waits, default=None),
        "workers": sum(worker.alive for worker in await workers(hub.database)),
    }


@get("/strip/{upstream:str}", opt={"right": Right.PERSON, "live": True}, include_in_schema=False)
async def live_strip(request: Request[Any, Any, Any], upstream: FromPath[str]) -> Template:
    """What every page asks for every few seconds."""
    return Template("shared/strip.html", context={"frame": await layout_for(request, upstream)})
