"""*Ditolak*: rows of the clinic's database and records of its system that were not taken, by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Text
from admin.pages.shared.formatting import Moment, moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.refusal_words import problem_lines
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized, say
from engine.catalog.catalog import Catalog
from engine.database.audit import note_now
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.identifiers import masked
from engine.intake import refusals
from engine.sources.ledger import RowOutcome
from engine.sources.refused import RefusedGroup, groups, of_group, tables_of

PAGE = "/masalah/ditolak"
PAGE_SIZE = 50
MAX_ON_PROBLEMS = 5  # groups that *Masalah* shows


@dataclass(frozen=True, slots=True)
class NotTakenCause:
    """A cause in words, and where it is mended; `place` names tables and columns, empty for the HTTP interface."""

    group: RefusedGroup
    title: str
    label: str
    origin: str
    place: str
    key_columns: str
    first: Moment | None
    last: Moment | None

    @property
    def href(self) -> str:
        return f"{PAGE}?{urlencode({'kelompok': self.group.id})}"


async def causes_not_taken(hub: Hub, layout: Layout) -> list[NotTakenCause]:
    """Return the causes for which rows and records of the chosen clinic were not taken, refused before skipped."""
    if layout.facility is None:
        return []
    found = await groups(hub.database, hub.catalog, layout.facility.id)
    return [_cause(hub.catalog, layout.facility, group) for group in found]


@get(PAGE, opt={"right": Right.PANEL})
async def not_taken_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], kelompok: Text = "", after: Text = ""
) -> Template:
    """Show all causes, and the rows of one."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    causes = await causes_not_taken(hub, layout)
    chosen = next((cause for cause in causes if cause.group.id == kelompok), None)
    context: dict[str, Any] = {"frame": layout, "causes": causes, "chosen": chosen, "mended": kelompok and not chosen}
    if chosen is not None and layout.facility is not None:
        rows = await of_group(hub.database, layout.facility.id, chosen.group, after, PAGE_SIZE + 1)
        more = rows[PAGE_SIZE - 1].key if len(rows) > PAGE_SIZE else None
        context |= {
            "rows": [
                {"key": masked(row.key), "at": moment(row.at, layout.facility), "n": row.n} for row in rows[:PAGE_SIZE]
            ],
            "first_link": chosen.href if after else "",
            "next_link": f"{chosen.href}&{urlencode({'after': more})}" if more is not None else "",
            "may_forget": layout.may(Permission.RESEND) and not chosen.group.source,
        }
    return Template("problems/not_taken.html", context=context)


@post(f"{PAGE}/hapus", opt={"right": Right.PANEL, "may": Permission.RESEND})
async def forget_group(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Redirect:
    """Forget refused records of the HTTP interface that will not be handed in again."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    wanted = (data or {}).get("kelompok", "")
    cause = next((one for one in await causes_not_taken(hub, layout) if one.group.id == wanted), None)
    if cause is not None and layout.facility is not None and not cause.group.source:
        n = await refusals.forget_group(hub.database, layout.facility.id, cause.group.spec, cause.group.problem)
        reason = f"{cause.label}: {cause.title} ({n})"
        await note_now(hub.database, person.name, "refused.forget", facility_id=layout.facility.id, reason=reason)
    return Redirect(PAGE, status_code=303)


def number_not_taken(causes: Sequence[NotTakenCause], state: str) -> int:
    """Return how many rows and records are in a state."""
    return sum(cause.group.n for cause in causes if cause.group.state == state)


def _cause(catalog: Catalog, facility: FacilityRow, group: RefusedGroup) -> NotTakenCause:
    lines = problem_lines(catalog, group.spec, group.problem)
    spec, mapping = catalog.specs.get(group.spec), catalog.items.get(group.spec)
    label = localized(spec.label) if spec else localized(mapping.many) if mapping else group.spec
    source = catalog.sources.get(group.source)
    read = source.reads.get(group.read) if source is not None else None
    origin, place, key_columns = say("refused.api"), "", ""
    if source is not None and read is not None:
        fields = [line.field for line in lines] if group.state == RowOutcome.REFUSED else ["$skip"]
        columns = dict.fromkeys(column for field in fields for column in read.columns_of.get(field, ()))
        origin, place = localized(source.label), say("refused.tables", tables=", ".join(tables_of(source, read)))
        if columns:
            place = f"{place}, {say('refused.columns', columns=', '.join(columns))}"
        key_columns = ", ".join(read.columns_of.get("$key", ()))
    first, last = moment(group.first_at, facility), moment(group.last_at, facility)
    title = "; ".join(line.sentence for line in lines)
    return NotTakenCause(group, title[:1].upper() + title[1:], label, origin, place, key_columns, first, last)
