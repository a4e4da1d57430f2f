"""*Coba*: reads a day, makes the records and checks them; nothing is stored or sent.

The reads are tried one after the other, each by a request of its own, which the result of the one before begins: no
request lasts longer than one read, and the clinic's database sees one connection for each person who tries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from adapters.his_database.contract import Credentials
from admin.http.parameters import Text
from admin.pages.shared.date_field import read_day
from admin.pages.shared.formatting import day
from admin.pages.shared.refusal_words import problem_lines
from admin.pages.sources.looking import look
from admin.pages.sources.opened import OPENED, OPT, PAGE, Opened, OpenSource
from admin.pages.sources.overview import label_of
from admin.pages.sources.private_values import PrivateValues
from admin.pages.sources.slots import LookSlots
from admin.people.permissions import Permission
from admin.text.words import say, sentence
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.sources.refused import tables_of
from engine.sources.trial import SourceTrial, TriedRead, TriedRow

MAX_SHOWN = 10  # rows of a read, those with a problem first
MAX_ROWS = 2_000  # of a read that are judged


@dataclass(frozen=True, slots=True)
class TriedField:
    """A field of a record, or a column of a row, with what is wrong with it."""

    name: str
    value: str
    problems: tuple[str, ...] = ()


@get(PAGE + "/{source:str}/coba", opt=OPT, dependencies=OPENED)
async def trial_page(hub: NamedDependency[Hub], opened: Opened, tanggal: Text = "") -> Template:
    """Show the table of all reads; the first of them begins as soon as the page is there."""
    chosen = _day(tanggal, opened.facility, hub)
    lines = [
        {"read": read, "label": label_of(hub.catalog, read.into), "tables": tables_of(opened.source, read)}
        for read in opened.source.reads.values()
    ]
    first = next(iter(opened.source.reads), "")
    context = {"day": chosen.isoformat(), "written": day(chosen.isoformat()), "lines": lines, "first": first}
    return Template("sources/trial.html", context=opened.context(**context))


@post(PAGE + "/{source:str}/coba/{read:str}", opt=OPT, dependencies=OPENED, status_code=200)
async def try_read(
    hub: NamedDependency[Hub],
    look_slots: NamedDependency[LookSlots],
    opened: Opened,
    read: FromPath[str],
    tanggal: Text = "",
) -> Template:
    """Try one read and return its rows, with what begins the next one."""
    if read not in opened.source.reads:
        raise NotFoundException(say("error.not_found"))
    chosen, names = _day(tanggal, opened.facility, hub), list(opened.source.reads)

    async def work(entered: Credentials) -> tuple[list[TriedRead], list[str]]:
        trial = SourceTrial(hub.intake, opened.source, opened.facility, entered, chosen, MAX_SHOWN, MAX_ROWS)
        return await trial.run([read])

    looked = await look(opened, look_slots, work)
    tried, unwise = (looked.result[0][0], looked.result[1]) if looked.result else (None, [])
    following = names[names.index(read) + 1 :]
    context = {
        "read": opened.source.reads[read],
        "label": label_of(hub.catalog, opened.source.reads[read].into),
        "tables": tables_of(opened.source, opened.source.reads[read]),
        "day": chosen.isoformat(),
        "looked": looked,
        "tried": tried,
        "fault": sentence(tried.fault) if tried else "",
        "warnings": [sentence(words) for words in tried.warnings] if tried else [],
        "unwise": [sentence(words) for words in unwise] if read == names[0] else [],
        "rows": [_row(opened, tried, row) for row in tried.examples] if tried else [],
        **_next(opened, following if tried is not None else []),
        "ended": tried is not None and not following,
        "bodies": opened.layout.may(Permission.BODIES),
    }
    return Template("sources/tried.html", context=opened.context(**context))


def _next(opened: OpenSource, following: Sequence[str]) -> dict[str, str]:
    """Return the name and the label of the read that is tried next; empty if none is."""
    name = following[0] if following else ""
    return {"next": name, "next_label": label_of(opened.hub.catalog, opened.source.reads[name].into) if name else ""}


def _day(text: str, facility: FacilityRow, hub: Hub) -> date:
    """Return the day that was asked for; today if it is none."""
    try:
        return date.fromisoformat(read_day(text.strip()))
    except ValueError:
        return facility.local(hub.database.clock()).date()


def _row(opened: OpenSource, tried: TriedRead, row: TriedRow) -> dict[str, Any]:
    """Return a row beside its record; identifiers are masked."""
    private = PrivateValues(opened.hub.catalog.specs.get(tried.into), opened.source.reads[tried.read], row)
    lines = [line for words in row.problems for line in problem_lines(opened.hub.catalog, tried.into, words)]
    record: Mapping[str, Any] = row.made.record or {}
    fields = [
        TriedField(name, private.hide(value), tuple(line.words for line in lines if line.field == name))
        for name, value in record.items()
    ]
    fields += [TriedField(line.field, "–", (line.words,)) for line in lines if line.field and line.field not in record]
    return {
        "key": private.hide(row.made.key),
        "state": "skipped" if row.made.skipped else "refused" if row.problems else "good",
        "lines": lines,
        "columns": [TriedField(name, private.hide(value)) for name, value in row.row.items()],
        "fields": fields,
    }
