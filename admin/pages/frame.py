"""What stands around every page: the upstreams, the facility, the strip of facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar.exceptions import NotFoundException

from admin.access import Connection, hub_of, person, session_of
from admin.accounts import Person
from admin.words import say
from engine.facilities import FacilityRow, all_facilities
from engine.health import ChannelHealth, Health, health
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
    return Frame(spec, upstreams, known, visible, facility, _strip(await health(hub), spec, facility))


def _strip(found: Health, upstream: UpstreamSpec, facility: FacilityRow | None) -> dict[str, Any]:
    code = facility.code if facility else ""
    mine = [channel for channel in found.channels if channel.facility == code]
    return {
        "environment": found.environment,
        "channels": [channel for channel in mine if channel.upstream == upstream.name],
        "oldest": _oldest(mine, found.now),
        "workers": found.workers_alive,
    }


def _oldest(channels: list[ChannelHealth], now: int) -> float | None:
    due = [channel.oldest_due for channel in channels if channel.oldest_due is not None]
    return max(0, now - min(due)) / 1000 if due else None
