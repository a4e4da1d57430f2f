"""What stands around every page: the upstreams, the facility, the strip of facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.exceptions import NotFoundException

from admin.access import Connection, hub_of, person, session_of
from admin.accounts import Person
from admin.words import say
from engine.facilities import FacilityRow, all_facilities
from engine.health import channels, workers
from engine.hub import Hub
from engine.models import Status
from engine.spec import UpstreamSpec

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


@dataclass(frozen=True, slots=True)
class Frame:
    """The upstream that a page is about, and the facility whose deliveries it shows; None: there is none yet."""

    upstream: UpstreamSpec
    upstreams: tuple[UpstreamSpec, ...]
    person: Person
    facilities: tuple[FacilityRow, ...]
    """Those that the person may see."""
    facility: FacilityRow | None
    strip: dict[str, Any]
    has_lists: bool
    """There are copies of code lists to look into."""

    def may(self, permission: str) -> bool:
        """Whether the person's role allows it; templates ask so too."""
        return permission in self.person.permissions

    def label(self, status: str) -> str:
        """The word for a status, as the upstream wants it said."""
        return self.upstream.statuses.get(status) or say(f"status.{status}")

    def icon(self, status: str) -> str:
        return ICONS[Status(status)]


async def frame(request: Connection, upstream: str) -> Frame:
    """Raises 404 for an upstream that the catalog does not have."""
    hub, known = hub_of(request), person(request)
    spec = hub.catalog.upstreams.get(upstream)
    if spec is None:
        raise NotFoundException(say("error.not_found"))
    visible = tuple(
        row for row in await all_facilities(hub.database) if known.facility_id is None or row.id == known.facility_id
    )
    chosen = session_of(request).get("facility")
    facility = next((row for row in visible if row.id == chosen), next(iter(visible), None))
    upstreams = tuple(hub.catalog.upstreams.values())
    return Frame(spec, upstreams, known, visible, facility, await _strip(hub, facility), bool(hub.catalog.code_lists))


async def _strip(hub: Hub, facility: FacilityRow | None) -> dict[str, Any]:
    found = [each for each in await channels(hub, facility.id) if each.configured] if facility else []
    waits = [wait for each in found if (wait := each.wait(hub.database.clock())) is not None]
    return {
        "environment": hub.settings.environment,
        "channels": [{"told": each, "label": hub.catalog.upstreams[each.upstream].label} for each in found],
        "oldest": max(waits, default=None),
        "workers": sum(worker.alive for worker in await workers(hub.database)),
    }
