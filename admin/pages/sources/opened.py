"""A source of the chosen clinic, as the pages about it need it, and its state in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation

from admin.http.access import Right
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.menu import SOURCES_PATH
from admin.people.permissions import Permission
from admin.text.words import say
from engine.facilities.facilities import FacilityRow, entered_at
from engine.hub import Hub
from engine.sources import states
from engine.sources.states import SourceState
from engine.specs.his_source import HisSource

PAGE = SOURCES_PATH
OPT = {"right": Right.PANEL, "may": Permission.SOURCES}
LIVE = {**OPT, "live": True}

# State of a source on its page -> icon, and the status whose colour it has.
SIGNS = {
    "ready": ("player-play", "s-ignored"),
    "reading": ("loader-2", "s-sending"),
    "running": ("check", "s-sent"),
    "failing": ("plug-connected-x", "s-failed"),
    "paused": ("player-pause", "s-retrying"),
    "stopped": ("hand-stop", "s-failed"),
}


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source of a clinic; `state` is None if it was never started, `entered` whether its credentials were."""

    hub: Hub
    layout: Layout
    facility: FacilityRow
    source: HisSource
    state: SourceState | None
    entered: bool

    @property
    def address(self) -> str:
        return f"{PAGE}/{self.source.name}"

    @property
    def word(self) -> str:
        """Return the name of its state, of SIGNS; `unset` if nothing has been entered."""
        if self.state is None:
            return "ready" if self.entered else "unset"
        if self.state.state != "running":
            return self.state.state
        return "failing" if self.state.failing_since is not None else "running"

    def context(self, **more: Any) -> dict[str, Any]:
        """Return the context that the templates of all its pages use."""
        return {"frame": self.layout, "opened": self, "source": self.source, "address": self.address, **more}


async def open_all(request: Request[Any, Any, Any], hub: Hub) -> tuple[Layout, list[OpenSource]]:
    """Return the layout, and all declared sources at the chosen clinic."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    if layout.facility is None:
        return layout, []
    started = await states.states(hub.database, layout.facility.id)
    entered = await entered_at(hub.database, layout.facility.id)
    return layout, [
        OpenSource(hub, layout, layout.facility, source, started.get(source.name), source.account in entered)
        for source in hub.catalog.sources.values()
    ]


async def open_source(request: Request[Any, Any, Any], hub: NamedDependency[Hub], source: FromPath[str]) -> OpenSource:
    """Return the source that the address names; raise 404 if there is none of that name, or no clinic."""
    _, opened = await open_all(request, hub)
    found = next((one for one in opened if one.source.name == source), None)
    if found is None:
        raise NotFoundException(say("error.not_found"))
    return found


# Dependency of handlers whose path names a source. Litestar must not validate it: it would copy the dataclass.
Opened = NamedDependency[SkipValidation[OpenSource]]
OPENED = {"opened": Provide(open_source)}
