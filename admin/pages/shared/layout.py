"""Frame of every page: menu, facility, and the present state of the queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Connection, Right, hub_of, person, session_of
from admin.http.parameters import MAX_INTEGER
from admin.pages.alarms import LATE_SECONDS
from admin.pages.shared.menu import Menu, menu_for
from admin.pages.shared.pauses import PausesInForce
from admin.people.users import Person
from admin.text.words import duration, localized, say
from engine.catalog.catalog import Catalog
from engine.delivery.status import Status
from engine.delivery.types import Signal
from engine.facilities.facilities import FacilityRow, OwnedTable, all_facilities, facility_id_of
from engine.health import ChannelHealth, channels, workers
from engine.hub import Hub
from engine.notices import notices
from engine.outbox.pauses.pauses import open_pauses
from engine.specs.upstream import UpstreamSpec

# Status -> icon. It is shown beside word and colour, so that nobody has to tell a status by its colour alone.
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

STEP_IN_SESSION = "setup_step"  # name of the setup step that the person went to from the checklist
# Parameters of addresses that are the id of a row of their own, and its table.
ROWS_NAMED_BY_ID: dict[str, OwnedTable] = {"visit": "visits", "patient": "patients", "view": "saved_views"}
OPENED_PARAMETER = "buka"  # in the address of a list: id of the delivery that is open beside the list

# Levels of a problem, which name its colour in the style sheet.
BAD, SLOW = "bad", "slow"


@dataclass(frozen=True, slots=True)
class StatusProblem:
    """A fact of the status line that is not as it should be."""

    level: str
    words: str
    upstream: str = ""  # empty: it concerns all of them


@dataclass(frozen=True, slots=True)
class Layout:
    """The upstream that a page is about, and the facility whose deliveries it shows; None if no facility exists yet."""

    upstream: UpstreamSpec
    catalog: Catalog
    person: Person
    facilities: tuple[FacilityRow, ...]  # the ones that the person may see
    facility: FacilityRow | None
    status_line: dict[str, Any]
    pauses: PausesInForce
    setup_step: str = ""  # the step that the person is at; pages then show the way back to the checklist

    def menu(self, path: str) -> Menu:
        """Return the menu as it stands beside the page of that path."""
        has_facility = self.facility is not None
        return menu_for(self.catalog, self.person, has_facility=has_facility, path=path)

    def may(self, permission: str) -> bool:
        """Return whether the person's role has the permission; templates call this too."""
        return permission in self.person.permissions

    def label(self, status: str) -> str:
        """Return the word for a status; the upstream may declare its own."""
        own = self.upstream.statuses.get(status)
        return localized(own) if own else say(f"status.{status}")

    def icon(self, status: str) -> str:
        return ICONS[Status(status)]


async def layout_for(request: Connection, upstream: str) -> Layout:
    """Return the layout of a page; raise 404 for an upstream that the catalog does not have."""
    hub, user = hub_of(request), person(request)
    spec = hub.catalog.upstreams.get(upstream)
    if spec is None:
        raise NotFoundException(say("error.not_found"))
    visible = await permitted(hub, user)
    facility = await _chosen_facility(request, hub, visible)
    step = str(session_of(request).get(STEP_IN_SESSION, ""))
    line, paused = await _status_line(hub, facility), await _pauses(hub, facility)
    return Layout(spec, hub.catalog, user, visible, facility, line, paused, step)


async def _pauses(hub: Hub, facility: FacilityRow | None) -> PausesInForce:
    if facility is None:
        return PausesInForce(hub.catalog, None)
    open_, notes = await open_pauses(hub.database, facility.id), await notices(hub.database, facility.id)
    return PausesInForce(hub.catalog, facility, hub.database.clock(), open_, notes)


async def permitted(hub: Hub, user: Person) -> tuple[FacilityRow, ...]:
    """Return the facilities that the person may see."""
    rows = await all_facilities(hub.database)
    return tuple(row for row in rows if user.facility_id in (None, row.id))


async def _chosen_facility(request: Connection, hub: Hub, visible: tuple[FacilityRow, ...]) -> FacilityRow | None:
    """Return the session's facility. If the address names a row of another facility, switch the session to that one."""
    session = session_of(request)
    chosen = session.get("facility")
    if len(visible) > 1:
        owner = await _facility_named(request, hub)
        if owner in {row.id for row in visible} and owner != chosen:
            session["facility"] = chosen = owner
    return next((row for row in visible if row.id == chosen), next(iter(visible), None))


async def _facility_named(request: Connection, hub: Hub) -> int | None:
    """Return the facility of the row that the address names; None if it names none."""
    path = request.path_params
    named = next((path[parameter] for parameter in ROWS_NAMED_BY_ID if parameter in path), path.get("id_"))
    id_ = str(named or request.query_params.get(OPENED_PARAMETER, ""))
    if not id_.isdecimal() or int(id_) > MAX_INTEGER:
        return None
    return await facility_id_of(hub.database, _table_named(path), int(id_))


def _table_named(path: Mapping[str, Any]) -> OwnedTable:
    """Return the table to which the id in an address belongs."""
    owners: dict[str, OwnedTable] = {"spec": "deliveries", "mapping": "items", "inbound": "inbound_requests"}
    owners |= ROWS_NAMED_BY_ID
    return next((table for parameter, table in owners.items() if parameter in path), "jobs")


async def _status_line(hub: Hub, facility: FacilityRow | None) -> dict[str, Any]:
    in_use = [channel for channel in await channels(hub, facility.id) if channel.in_use] if facility else []
    waits = [wait for channel in in_use if (wait := channel.wait(hub.database.clock())) is not None]
    oldest, alive = max(waits, default=None), sum(worker.alive for worker in await workers(hub.database))
    labelled = [{"channel": channel, "label": hub.catalog.upstreams[channel.upstream].label} for channel in in_use]
    unready = "strip.no_facility" if facility is None else "" if in_use else "strip.no_credentials"
    problems = [*_problems(labelled, oldest, alive), *([StatusProblem(SLOW, say(unready))] if unready else [])]
    return {
        "environment": hub.settings.environment,
        "channels": labelled,
        "oldest": oldest,
        "workers": alive,
        "problems": sorted(problems, key=lambda problem: problem.level != BAD),
    }


def _problems(labelled: list[dict[str, Any]], oldest: float | None, alive: int) -> Iterator[StatusProblem]:
    """Yield what is wrong: red if somebody has to act, amber if it ends by itself or is only slow."""
    if not alive:
        yield StatusProblem(BAD, say("strip.no_workers"))
    for row in labelled:
        channel: ChannelHealth = row["channel"]
        if channel.cause and not channel.pause:
            words = say(f"strip.upstream.{channel.condition}", upstream=row["label"])
            yield StatusProblem(BAD if channel.cause == Signal.REFUSED else SLOW, words, channel.upstream)
    if alive and (oldest or 0) > LATE_SECONDS:
        yield StatusProblem(SLOW, say("strip.oldest", age=duration(oldest or 0)))


@get("/strip/{upstream:str}", opt={"right": Right.PERSON, "live": True})
async def live_status_line(request: Request[Any, Any, Any], upstream: FromPath[str]) -> Template:
    """Return the state of the queues, which every page polls every few seconds."""
    return Template("shared/status_line.html", context={"frame": await layout_for(request, upstream)})
