"""*Jeda & pemeliharaan*: current, planned and past pauses; pause, resume, and write notes for all users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.language import back
from admin.http.parameters import Id, Text
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.pauses import PAGE
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized, say, sentence
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.notices import MAX_CHARACTERS, add_notice, remove_notice
from engine.outbox.pauses import pauses
from engine.outbox.pauses.pauses import AUTOMATIC, MAX_REASON_CHARACTERS, NewPause, Pause, PauseFault

MAX_PAST = 30
MANAGE = {"right": Right.PANEL, "may": Permission.MANAGE}
MAX_FORM_BYTES = 8192
# A time of the present day, or with its date.
TIME_PATTERN = r"\s*(\d{1,2}/\d{1,2}/\d{4}\s+|\d{4}-\d{2}-\d{2}[T\s])?\d{1,2}[.:]\d{2}\s*"
_TIMES = ("%d/%m/%Y %H.%M", "%Y-%m-%d %H.%M")


@dataclass(frozen=True, slots=True)
class Pausable:
    """Something that can be paused: `value` is what the form sends."""

    value: str
    label: str


@get(PAGE, opt={"right": Right.PANEL})
async def pauses_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub], apa: Text = "") -> Template:
    """Show all pauses and notes; `apa` is the choice that the form begins with."""
    return await _page(request, hub, form={"what": apa})


@post(PAGE, opt=MANAGE, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def begin_pause(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template | Redirect:
    """Begin or plan a pause, or say what is wrong with it."""
    form, facility = _tidy(data), await _facility(request, hub)
    try:
        begins_at, ends_at = (_time(hub, form.get(name, ""), facility) for name in ("begins", "ends"))
    except ValueError:
        return await _page(request, hub, form=form, problem=say("pause.fault.time"))
    if not form.get("what"):
        return await _page(request, hub, form=form, problem=say("pause.fault.what"))
    upstream, specs, path = _chosen(hub, form["what"])
    owner, weekly = _facility_id(form, person, facility), form.get("weekly") == "yes"
    new = NewPause(owner, upstream, form.get("reason", ""), specs, path, begins_at, ends_at, weekly)
    begun = await pauses.begin(hub.database, new, person.name)
    again = begun is PauseFault.EXISTS and await _is_again(hub, facility, new, person)
    if isinstance(begun, PauseFault) and not again:
        return await _page(request, hub, form=form, problem=say(f"pause.fault.{begun}"))
    return Redirect(PAGE, status_code=303)


@post(f"{PAGE}/{{id_:int}}/lanjutkan", opt=MANAGE)
async def end_pause(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], id_: Id
) -> Redirect:
    """Resume what is paused, or cancel what is planned, and show the page again; a late click changes nothing."""
    await pauses.end(hub.database, id_, person.name, person.facility_id)
    came_from = request.headers.get("referer", "")
    return Redirect(back(came_from) if came_from else PAGE, status_code=303)


@post(f"{PAGE}/catatan", opt=MANAGE, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def write_note(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template | Redirect:
    """Show a note in the strip of all pages."""
    form, facility = _tidy(data), await _facility(request, hub)
    words = form.get("text", "")
    try:
        ends_at = _time(hub, form.get("ends", ""), facility)
    except ValueError:
        return await _page(request, hub, form=form, note_problem=say("pause.fault.time"))
    if not words or (ends_at is not None and ends_at <= hub.database.clock()):
        return await _page(request, hub, form=form, note_problem=say(f"notice.fault.{'past' if words else 'empty'}"))
    await add_notice(hub.database, _facility_id(form, person, facility), words, person.name, ends_at)
    return Redirect(PAGE, status_code=303)


@post(f"{PAGE}/catatan/{{id_:int}}/hapus", opt=MANAGE)
async def remove_note(hub: NamedDependency[Hub], person: NamedDependency[Person], id_: Id) -> Redirect:
    """Remove a note; a late click changes nothing."""
    await remove_notice(hub.database, id_, person.name, person.facility_id)
    return Redirect(PAGE, status_code=303)


async def _facility(request: Request[Any, Any, Any], hub: Hub) -> FacilityRow:
    """Return the chosen clinic; raise 404 if the person sees none."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return layout.facility


def _facility_id(form: dict[str, str], person: Person, facility: FacilityRow) -> int | None:
    """Return for which clinic the form is; None for all, which a person of one clinic cannot choose."""
    return None if form.get("everywhere") == "yes" and person.facility_id is None else facility.id


async def _is_again(hub: Hub, facility: FacilityRow, new: NewPause, person: Person) -> bool:
    """Return whether the person began this same pause before: the second of two clicks."""
    open_ = await pauses.open_pauses(hub.database, facility.id)
    mine = [pause for pause in open_ if pause.actor == person.name and pause.reason == new.reason]
    subjects = {(pause.upstream, pause.spec, pause.ends_at) for pause in mine}
    return all((new.upstream, spec, new.ends_at) in subjects for spec in new.specs or (None,))


def _tidy(data: dict[str, str] | None) -> dict[str, str]:
    """Return what a person wrote without the character that PostgreSQL does not store."""
    return {name: value.replace("\x00", "").strip() for name, value in (data or {}).items()}


def _time(hub: Hub, text: str, facility: FacilityRow) -> int | None:
    """Return a time of the facility's clock as epoch milliseconds; None for nothing. Raises ValueError."""
    if not text:
        return None
    if not re.fullmatch(TIME_PATTERN, text, re.ASCII):
        raise ValueError(text)
    written = " ".join(text.replace("T", " ").replace(":", ".").split())
    today = facility.local(hub.database.clock())
    written = written if " " in written else f"{today:%d/%m/%Y} {written}"
    form = _TIMES["-" in written]
    return int(datetime.strptime(written, form).replace(tzinfo=ZoneInfo(facility.time_zone)).timestamp() * 1000)


def _chosen(hub: Hub, what: str) -> tuple[str, tuple[str, ...], str | None]:
    """Return upstream, types and path of a choice of the form; raise 400 for one that it does not have."""
    upstream, _, rest = what.partition("/")
    if upstream not in hub.catalog.upstreams:
        raise ClientException("what")
    if not rest:
        return upstream, (), None
    paths = hub.catalog.types_by_path(upstream)
    if rest in paths:
        return upstream, tuple(paths[rest]), rest
    spec = hub.catalog.specs.get(rest)
    if spec is None or spec.upstream.name != upstream:
        raise ClientException("what")
    return upstream, (rest,), None


async def _page(
    request: Request[Any, Any, Any], hub: Hub, *, form: dict[str, str], problem: str = "", note_problem: str = ""
) -> Template:
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    facility, state = layout.facility, layout.pauses
    past = await pauses.ended_pauses(hub.database, facility.id, MAX_PAST) if facility else []
    context = {
        "frame": layout,
        "current": [_row(layout, pause) for pause in state.current],
        "planned": [_row(layout, pause) for pause in state.planned],
        "past": [_row(layout, pause) for pause in past],
        "notices": [_note(layout, notice) for notice in state.notices],
        "subjects": list(_subjects(hub)),
        "form": form,
        "problem": problem,
        "note_problem": note_problem,
        "may": layout.may(Permission.MANAGE) and facility is not None,
        "may_everywhere": layout.person.facility_id is None and len(layout.facilities) > 1,
        "time_pattern": TIME_PATTERN,
        "most": MAX_REASON_CHARACTERS,
        "longest_note": MAX_CHARACTERS,
    }
    return Template("pauses/pauses.html", context=context, status_code=400 if problem or note_problem else 200)


def _row(layout: Layout, pause: Pause) -> dict[str, Any]:
    facility: Any = layout.facility
    ended = None if pause.is_open(layout.pauses.now) else pause.ended_at or pause.ends_at
    return {
        "id": pause.id,
        "subject": layout.pauses.subject(pause),
        "everywhere": pause.facility_id is None,
        "reason": sentence(pause.reason),
        "by": pause.actor if pause.actor != AUTOMATIC else say("pause.automatic"),
        "begins": moment(pause.begins_at, facility),
        "ends": moment(pause.ends_at, facility),
        "ended": moment(ended, facility),
        "ended_by": pause.ended_by or "",
        "cancelled": pause.ended_at is not None and pause.ended_at < pause.begins_at,
        "weekly": pause.weekly,
        "may_end": layout.person.facility_id in (None, pause.facility_id),
    }


def _note(layout: Layout, notice: Any) -> dict[str, Any]:
    facility: Any = layout.facility
    return {
        "id": notice.id,
        "text": notice.text,
        "by": notice.actor,
        "everywhere": notice.facility_id is None,
        "created": moment(notice.created_at, facility),
        "ends": moment(notice.ends_at, facility),
        "may_remove": layout.person.facility_id in (None, notice.facility_id),
    }


def _subjects(hub: Hub) -> Iterator[tuple[str, list[Pausable]]]:
    """Yield for each upstream its label and what can be paused: all of it, each type, and paths that types share."""
    for upstream in hub.catalog.upstreams.values():
        specs = [spec for spec in hub.catalog.specs.values() if spec.upstream.name == upstream.name]
        choices = [Pausable(upstream.name, say("pause.whole", upstream=upstream.label))]
        choices += [Pausable(f"{upstream.name}/{spec.name}", localized(spec.label)) for spec in specs]
        for path, names in hub.catalog.types_by_path(upstream.name).items():
            if len(names) > 1:
                choices.append(Pausable(f"{upstream.name}/{path}", say("pause.path", path=path, n=len(names))))
        yield localized(upstream.label), choices
