"""Decisions about reading a source: it begins, rests, goes on, reads days again, or may withdraw many rows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from adapters.his_database.contract import Credentials
from adapters.messages import read_message
from admin.http.parameters import Text
from admin.pages.shared.date_field import read_day, read_period, written_period
from admin.pages.shared.formatting import day
from admin.pages.sources.looking import Look, look
from admin.pages.sources.opened import OPENED, OPT, PAGE, Opened, OpenSource
from admin.pages.sources.overview import label_of
from admin.pages.sources.slots import LookSlots
from admin.people.users import Person
from admin.text.words import number, say, sentence
from engine.database.audit import note_now
from engine.errors import NotFound
from engine.hub import Hub
from engine.sources import states
from engine.sources.examination import Estimate, estimates, first_read, total

MAX_DAYS = 366  # that a person may ask for at once
Form = URLEncodedBody[dict[str, str] | None]


@get(PAGE + "/{source:str}/mulai", opt=OPT, dependencies=OPENED)
async def start_page(
    hub: NamedDependency[Hub], look_slots: NamedDependency[LookSlots], opened: Opened, dari: Text = ""
) -> Template:
    """Show the choice of the first day; for an earlier day than today also how many records that would be."""
    return await _start_page(hub, look_slots, opened, dari)


@post(PAGE + "/{source:str}/mulai", opt=OPT, dependencies=OPENED, status_code=200)
async def start(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    look_slots: NamedDependency[LookSlots],
    opened: Opened,
    data: Form = None,
) -> Template | Redirect:
    """Let the workers read from today on, or from a day whose estimate the person has seen."""
    form, today = data or {}, _today(hub, opened)
    dari = form.get("dari", "")
    chosen = _read_day(dari) if dari else today
    if chosen is None or chosen > today or (chosen != today and form.get("dilihat") != chosen.isoformat()):
        return await _start_page(hub, look_slots, opened, dari)
    await states.start(hub.database, opened.facility.id, opened.source, chosen, person.name)
    await _note(hub, person, opened, "source.start", say("sources.from", day=day(chosen.isoformat())))
    return _back("started")


@post(PAGE + "/{source:str}/jeda", opt=OPT, dependencies=OPENED)
async def pause(hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened) -> Redirect:
    """Stop reading, within a batch."""
    if opened.state is not None and opened.state.state == "running":
        await states.pause(hub.database, opened.facility.id, opened.source.name, person.name)
        await _note(hub, person, opened, "source.pause", "")
    return _back("paused")


@post(PAGE + "/{source:str}/lanjut", opt=OPT, dependencies=OPENED)
async def resume(hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened) -> Redirect:
    """Go on reading from the same first day, at once; a source that had stopped looks again if the rows are back."""
    if opened.state is None:
        return Redirect(f"{opened.address}/mulai", status_code=303)
    from_day = date.fromisoformat(opened.state.from_day)
    await states.start(hub.database, opened.facility.id, opened.source, from_day, person.name)
    await _note(hub, person, opened, "source.resume", "")
    return _back("resumed")


@get(PAGE + "/{source:str}/baca", opt=OPT, dependencies=OPENED)
async def read_again_page(opened: Opened) -> Template:
    """Show the form of days that are read once."""
    return _again_page(opened)


@post(PAGE + "/{source:str}/baca", opt=OPT, dependencies=OPENED, status_code=200)
async def read_again(
    hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened, data: Form = None
) -> Template | Redirect:
    """Let some days be read once, behind what is sent today."""
    form = data or {}
    days, names = form.get("date", ""), [name for name in _dated(opened) if form.get("read", "") in ("", name)]
    problem = _again_problem(opened, days, names)
    if problem:
        return _again_page(opened, days, form.get("read", ""), problem)
    first, last = map(date.fromisoformat, read_period(days))
    for name in names:
        await states.read_once(hub.database, opened.facility.id, opened.source.name, name, first, last)
    what = f"{written_period(first.isoformat(), last.isoformat())} {', '.join(names)}"
    await _note(hub, person, opened, "source.read", what)
    return _back("asked")


@get(PAGE + "/{source:str}/setujui", opt=OPT, dependencies=OPENED)
async def agree_page(opened: Opened) -> Template | Redirect:
    """Show what follows if many rows have disappeared on purpose: the number, the environment and the effect."""
    if opened.word != "stopped":
        return Redirect(PAGE, status_code=303)
    return _agree_page(opened)


@post(PAGE + "/{source:str}/setujui", opt=OPT, dependencies=OPENED, status_code=200)
async def agree(
    hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened, data: Form = None
) -> Template | Redirect:
    """Go on although many rows have disappeared; the number that the person has seen must still hold."""
    gone, of = _gone(opened)
    if opened.word != "stopped":
        return Redirect(PAGE, status_code=303)
    if (data or {}).get("hilang") != str(gone):
        return _agree_page(opened)
    try:
        await states.agree(hub.database, opened.facility.id, opened.source.name, person.name)
    except NotFound:  # a colleague was quicker
        return Redirect(PAGE, status_code=303)
    await _note(hub, person, opened, "source.agree", say("sources.agree.number", gone=number(gone), of=number(of)))
    return _back("agreed")


async def _start_page(hub: Hub, slots: LookSlots, opened: OpenSource, dari: str) -> Template:
    today, chosen = _today(hub, opened), _read_day(dari) if dari else None
    problem, counted = "", None
    if dari and (chosen is None or chosen > today):
        problem = say("sources.start.no_day")
    elif chosen is not None:

        async def work(entered: Credentials) -> list[Estimate]:
            return await estimates(opened.source, opened.facility, entered, chosen, today)

        counted = await look(opened, slots, work)
    widest = max((read.widest for read in opened.source.reads.values()), default=0)
    context = {
        "today": day(today.isoformat()),
        "chosen": chosen.isoformat() if chosen else "",
        "written": day(chosen.isoformat()) if chosen else dari,
        "problem": problem or (counted.problem if counted else ""),
        "estimate": _estimate(opened, counted, chosen, today),
        "widest": number(widest),
        "cut": chosen is not None and (today - chosen).days >= widest > 0,
        "earliest": day((today - timedelta(days=max(0, widest - 1))).isoformat()),
    }
    return Template("sources/start.html", context=opened.context(**context), status_code=422 if problem else 200)


def _estimate(
    opened: OpenSource, counted: Look[list[Estimate]] | None, chosen: date | None, today: date
) -> dict[str, Any] | None:
    if counted is None or counted.result is None or chosen is None:
        return None
    reads, found = opened.source.reads, counted.result
    lines = [
        {
            "label": label_of(opened.hub.catalog, one.into),
            "since": day(first_read(reads[one.read], chosen, today).isoformat()) if reads[one.read].by != "all" else "",
            "one": one,
            "fault": sentence(one.fault),
        }
        for one in found
    ]
    return {"lines": lines, "total": total(found), "complete": all(one.rows is not None for one in found)}


def _again_page(opened: OpenSource, days: str = "", read: str = "", problem: str = "") -> Template:
    reads = [(name, label_of(opened.hub.catalog, opened.source.reads[name].into)) for name in _dated(opened)]
    context = {"reads": reads, "days": days, "chosen": read, "problem": problem}
    return Template("sources/again.html", context=opened.context(**context), status_code=422 if problem else 200)


def _again_problem(opened: OpenSource, days: str, names: list[str]) -> str:
    """Return why these days cannot be read again; empty if they can."""
    if opened.state is None or opened.state.state != "running":
        return say("sources.again.not_running")
    try:
        first, last = (date.fromisoformat(text) for text in read_period(days))
    except ValueError:
        return say("date.invalid")
    if not names:
        return say("error.not_found")
    return say("sources.again.too_many", most=MAX_DAYS) if (last - first).days >= MAX_DAYS else ""


def _agree_page(opened: OpenSource) -> Template:
    gone, of = _gone(opened)
    context = {"gone": gone, "of": of, "environment": opened.hub.settings.environment}
    return Template("sources/agree.html", context=opened.context(**context))


def _gone(opened: OpenSource) -> tuple[int, int]:
    """Return how many rows have disappeared at once, and of how many, as the reader has told."""
    message = read_message(opened.state.problem or "") if opened.state is not None else None
    values = message.values if message is not None else {}
    return int(values.get("gone", 0)), int(values.get("of", 0))


def _dated(opened: OpenSource) -> list[str]:
    return [name for name, read in opened.source.reads.items() if read.by != "all"]


def _today(hub: Hub, opened: OpenSource) -> date:
    return opened.facility.local(hub.database.clock()).date()


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(read_day(text.strip()))
    except ValueError:
        return None


async def _note(hub: Hub, person: Person, opened: OpenSource, action: str, what: str) -> None:
    reason = f"{opened.source.name} {what}".strip()
    await note_now(hub.database, person.name, action, facility_id=opened.facility.id, reason=reason)


def _back(told: str) -> Redirect:
    return Redirect(f"{PAGE}?told={told}", status_code=303)
