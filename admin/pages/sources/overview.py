"""*Sumber data*: each source of the clinic with its state, its last rounds and the rows of today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin.http.parameters import Text
from admin.pages.shared.formatting import Moment, day, moment
from admin.pages.sources.opened import LIVE, OPT, PAGE, SIGNS, OpenSource, open_all
from admin.pages.sources.packs import main_file, offered
from admin.text.words import duration, localized, say
from engine.catalog.catalog import Catalog
from engine.hub import Hub
from engine.sources import states
from engine.sources.ledger import RowOutcome
from engine.sources.refused import tables_of
from engine.sources.states import RoundState
from engine.sources.today import of_today
from engine.specs.his_source import SourceRead

TOLD = ("started", "paused", "resumed", "agreed", "asked")  # results of a person's last act


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A read in the table of a source: its rows of today by outcome, its last complete round and its pace."""

    read: SourceRead
    label: str
    href: str  # the page of what it becomes
    tables: list[str]
    counts: Mapping[str, int]
    gone: int
    done: Moment | None
    age: float | None  # seconds since the last complete round
    next: Moment | None
    pace: str


@dataclass(frozen=True, slots=True)
class AskedRead:
    """Days of a read that a person has asked for once, and how far the reading has come."""

    label: str
    days: str
    place: str  # the day that was reached; empty if the reading has not begun, or is complete
    done: Moment | None
    rows: int
    refused: int


@dataclass(frozen=True, slots=True)
class SystemChoice:
    """A system that can be read and is not set up: its kind of database, and the types that come from it."""

    label: str
    address: str
    system: str
    types: str


@get(PAGE, opt=OPT)
async def sources_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub], told: Text = "") -> Template:
    """Show the whole page; `told` is the result of the person's last act."""
    context = await _context(request, hub)
    message = say(f"sources.told.{told}") if told in TOLD else ""
    packs = [] if hub.catalog.sources else offered(hub)
    context |= {"message": message, "packs": packs, "main_file": main_file(hub)}
    return Template("sources/sources.html", context=context)


@get(f"{PAGE}/keadaan", opt=LIVE)
async def live_sources(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Return the part of the page that it polls every few seconds."""
    return Template("sources/live.html", context=await _context(request, hub))


async def _context(request: Request[Any, Any, Any], hub: Hub) -> dict[str, Any]:
    layout, opened = await open_all(request, hub)
    facility = layout.facility
    if facility is None:
        return {"frame": layout, "sources": [], "choices": []}
    today = facility.local(hub.database.clock()).date()
    rounds = await states.rounds(hub.database, facility.id)
    counts = await of_today(hub.database, facility.id, hub.catalog.sources.values(), today)
    gone = {
        (row.source, row.read): row.n
        for row in await states.counts(hub.database, facility.id)
        if row.state == RowOutcome.GONE
    }
    chosen = [_source(one, rounds, counts, gone) for one in opened if one.word != "unset"]
    return {"frame": layout, "sources": chosen, "choices": [_choice(one) for one in opened if one.word == "unset"]}


def _choice(opened: OpenSource) -> SystemChoice:
    catalog, types = opened.hub.catalog, {read.into for read in opened.source.reads.values()}
    ordered = [name for name in (*catalog.specs, *catalog.items) if name in types]  # as on the dashboard
    labels = ", ".join(label_of(catalog, name) for name in ordered)
    system = say(f"sources.system.{opened.source.system}")
    return SystemChoice(localized(opened.source.label), opened.address, system, labels)


def _source(
    opened: OpenSource,
    rounds: list[RoundState],
    counts: Mapping[tuple[str, str], Mapping[str, int]],
    gone: Mapping[tuple[str, str], int],
) -> dict[str, Any]:
    state, name = opened.state, opened.source.name
    own = [one for one in rounds if one.source == name]
    lines = [
        _line(opened, read, own, counts.get((name, read.name), {}), gone.get((name, read.name), 0))
        for read in opened.source.reads.values()
    ]
    ages = [line.age for line in lines]
    oldest = None if None in ages else max((age for age in ages if age is not None), default=None)
    word = "reading" if opened.word == "running" and oldest is None else opened.word
    return {
        "opened": opened,
        "source": opened.source,
        "address": opened.address,
        "state": state,
        "word": word,
        "sign": SIGNS[word],
        "lines": lines if state is not None else [],
        "age": oldest,
        "from_day": day(state.from_day) if state else "",
        "since": moment(state.failing_since, opened.facility) if state else None,
        "again": moment(state.retry_at, opened.facility) if state else None,
        "changed": moment(state.changed_at, opened.facility) if state else None,
        "asked": [_asked(opened, one) for one in own if one.first_day and one.read in opened.source.reads],
    }


def _line(
    opened: OpenSource, read: SourceRead, rounds: list[RoundState], counts: Mapping[str, int], gone: int
) -> ReadLine:
    own = [one for one in rounds if one.read == read.name and not one.first_day]
    done_at = max((one.done_at for one in own if one.done_at is not None), default=None)
    due_at = min((one.due_at for one in own if one.due_at is not None), default=None)
    now = opened.hub.database.clock()
    hottest = read.windows[0]
    is_running = opened.state is not None and opened.state.state == "running"
    return ReadLine(
        read,
        label_of(opened.hub.catalog, read.into),
        _address_of(opened.hub.catalog, read.into),
        tables_of(opened.source, read),
        counts,
        gone,
        moment(done_at, opened.facility),
        None if done_at is None else max(0, now - done_at) / 1000,
        moment(due_at, opened.facility) if is_running else None,
        say("sources.pace", every=duration(hottest.every)),
    )


def _asked(opened: OpenSource, one: RoundState) -> AskedRead:
    days = day(one.first_day) if one.first_day == one.last_day else f"{day(one.first_day)} – {day(one.last_day)}"
    done = one.done_at if one.due_at is None else None
    label = label_of(opened.hub.catalog, opened.source.reads[one.read].into)
    place = day(one.place) if one.place and done is None else ""
    return AskedRead(label, days, place, moment(done, opened.facility), one.rows, one.refused)


def label_of(catalog: Catalog, into: str) -> str:
    """Return the label of an entry, or of the items of a mapping."""
    if into in catalog.specs:
        return localized(catalog.specs[into].label)
    return localized(catalog.items[into].many) if into in catalog.items else into


def _address_of(catalog: Catalog, into: str) -> str:
    """Return the page of an entry's deliveries, or of the items of a mapping."""
    if into in catalog.specs:
        return f"/integrasi/{catalog.specs[into].upstream.name}/{into}"
    mapping = next(mapping for mapping in catalog.mappings.values() if mapping.item == into)
    return f"/pemetaan/{mapping.name}"
