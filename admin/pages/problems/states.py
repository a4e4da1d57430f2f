"""State that people give a problem: assignee, notes, and the day until which it is ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from admin.http.access import Right, demand
from admin.http.parameters import MAX_INTEGER
from admin.pages.problems.root_causes import RootCause
from admin.pages.shared.date_field import read_day
from admin.pages.shared.formatting import Moment, day, moment
from admin.pages.shared.layout import Layout, layout_for
from admin.people import users
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import duration, number, say
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.identifiers import masked
from engine.problems import states
from engine.problems.states import NEW, ProblemNote, ProblemResult, ProblemState

PAGE = "/masalah"
MINE, UNASSIGNED, ESCALATED, IGNORED = "saya", "kosong", "lewat", "diabaikan"
FILTERS = (MINE, UNASSIGNED, ESCALATED, IGNORED)
TOLD = {*ProblemResult, "day"}


@dataclass(frozen=True, slots=True)
class ShownState:
    """State of a problem in words; `again` says why one that was ignored is open again.

    `escalated` says for how long it has been open, if that is longer than the clinic allows.
    """

    assigned_to: str
    version: int
    ignored: bool
    until: str
    ignored_by: str
    again: str
    escalated: str
    notes: tuple[tuple[ProblemNote, Moment | None], ...]


async def shown_states(hub: Hub, facility: FacilityRow, causes: Sequence[RootCause]) -> dict[str, ShownState]:
    """Return the state of each problem by its key."""
    keys = [cause.key for cause in causes]
    kept = await states.states(hub.database, facility.id, keys)
    notes = await states.notes(hub.database, facility.id, keys)
    return {
        cause.key: await _shown(hub, facility, cause, kept.get(cause.key, NEW), notes.get(cause.key, []))
        for cause in causes
    }


async def escalations(hub: Hub, facility: FacilityRow, causes: Sequence[RootCause]) -> dict[str, str]:
    """Return how long each of these open problems is open, by its key, if that is longer than the clinic allows."""
    kept = await states.states(hub.database, facility.id, [cause.key for cause in causes])
    words = {cause.key: _escalated(hub, facility, cause, kept.get(cause.key, NEW)) for cause in causes}
    return {key: text for key, text in words.items() if text}


async def open_causes(hub: Hub, facility: FacilityRow, causes: Sequence[RootCause]) -> list[RootCause]:
    """Return the problems that are not ignored."""
    kept, today = await states.states(hub.database, facility.id, [cause.key for cause in causes]), _today(hub, facility)
    return [cause for cause in causes if not kept.get(cause.key, NEW).is_ignored(today, cause.times.last)]


def filtered(causes: Sequence[RootCause], shown: Mapping[str, ShownState], which: str, name: str) -> list[RootCause]:
    """Return the open problems, those of a person, of nobody or escalated, or the ignored ones."""
    if which == IGNORED:
        return [cause for cause in causes if shown[cause.key].ignored]
    rows = [cause for cause in causes if not shown[cause.key].ignored]
    if which == ESCALATED:
        return [cause for cause in rows if shown[cause.key].escalated]
    if which in (MINE, UNASSIGNED):
        wanted = name if which == MINE else ""
        rows = [cause for cause in rows if shown[cause.key].assigned_to == wanted]
    return rows


async def assignable(hub: Hub, facility: FacilityRow) -> list[str]:
    """Return the names of the people who may open the page."""
    return await users.who_may(hub.database, facility.id, Permission.SATUSEHAT)


@post(f"{PAGE}/keadaan", opt={"right": Right.PANEL})
async def change_state(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Assign a problem, note something about it, ignore it until a day, or open it again."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    key, version = data.get("key", ""), data.get("version", "0")
    if layout.facility is None or not (key.isalnum() and len(key) <= 40):
        raise NotFoundException(say("problems.gone"))
    if not version.isdecimal() or int(version[:17]) > MAX_INTEGER:
        raise HTTPException(status_code=400)
    told = await _act(hub, layout, layout.facility, person, key, int(version[:17]), data)
    return Redirect(f"{PAGE}?told={told}#m-{key}", status_code=303)


async def _act(
    hub: Hub,
    layout: Layout,
    facility: FacilityRow,
    person: Person,
    key: str,
    version: int,
    data: Mapping[str, str],
) -> str:
    database, act = hub.database, data.get("do", "")
    if act == "assign":
        name = data.get("name", "")
        if name and name not in await assignable(hub, facility):
            raise HTTPException(status_code=400)
        return await states.assign(database, facility.id, key, name, version=version, actor=person.name)
    if act == "note":
        text = data.get("text", "").replace("\x00", "").strip()
        if not text:
            return ProblemResult.ALREADY
        return await states.add_note(database, facility.id, key, text, person.name)
    await demand(hub, person, Permission.BULK)
    until = ""
    if act == "ignore":
        try:
            until = read_day(data.get("until", "").strip())
        except ValueError:
            return "day"
        if until < _today(hub, facility):
            return "day"
    elif act != "open":
        raise HTTPException(status_code=400)
    return await states.ignore(database, facility.id, key, until, version=version, actor=person.name)


async def _shown(
    hub: Hub, facility: FacilityRow, cause: RootCause, state: ProblemState, notes: Sequence[ProblemNote]
) -> ShownState:
    today = _today(hub, facility)
    ignored = state.is_ignored(today, cause.times.last)
    return ShownState(
        state.assigned_to,
        state.version,
        ignored,
        day(state.ignored_until) if state.ignored_until else "",
        state.ignored_by,
        "" if ignored or not state.ignored_until else await _again(hub, facility, cause, state),
        "" if ignored else _escalated(hub, facility, cause, state),
        tuple((note._replace(text=masked(note.text)), moment(note.at, facility)) for note in notes),
    )


async def _again(hub: Hub, facility: FacilityRow, cause: RootCause, state: ProblemState) -> str:
    """Return why a problem that was ignored is open again."""
    if not state.came_again(cause.times.last):
        return say("problems.again.day", day=day(state.ignored_until))
    groups = [(part.spec.name, part.cause) for part in cause.parts]
    n = await states.failed_since(hub.database, facility.id, groups, state.ignored_at) if cause.n else 0
    return say("problems.again.n", n=number(n)) if n else say("problems.again")


def _escalated(hub: Hub, facility: FacilityRow, cause: RootCause, state: ProblemState) -> str:
    """Return how long an escalated problem is open; empty if it is not escalated."""
    now, first = hub.database.clock(), cause.times.first
    if not state.is_escalated(first, now, facility.escalation_hours):
        return ""
    return say("problems.escalated", duration=duration((now - state.open_since(first, now)) / 1000))


def _today(hub: Hub, facility: FacilityRow) -> str:
    return facility.local(hub.database.clock()).date().isoformat()
