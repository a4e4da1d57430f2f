"""List of one root cause on paper, for the person who mends it: patients, what is missing, since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import URLEncodedBody
from litestar.response import Template

from admin.http.access import Right
from admin.pages.problems.problems import causes_of
from admin.pages.problems.root_causes import RootCause
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.waiting_items import items_by_key
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.database.audit import note_now
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.identifiers import masked
from engine.queries import affected
from engine.recent_facts import RecentFacts

MAX_ROWS = 500


@dataclass
class PrintedRow:
    """A patient or record of the list; `n` deliveries of it are affected since `since`."""

    norm: str
    name: str
    what: str
    since: int
    n: int = 1


@post("/masalah/cetak", opt={"right": Right.PANEL, "may": Permission.BULK}, status_code=200)
async def printed_list(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    recent_facts: NamedDependency[RecentFacts],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str]],
) -> Template:
    """Show the list of a root cause for the printer, and record it in the audit log as an export."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    facility = layout.facility
    causes = await causes_of(hub, layout, recent_facts)
    cause = next((cause for cause in causes if cause.id == data.get("id")), None)
    if cause is None or facility is None:
        raise NotFoundException(say("problems.gone"))
    rows = await _rows(hub, layout, facility, cause)
    reason = say("problems.print.audit", title=cause.explanation.title, n=len(rows))
    await note_now(hub.database, person.name, "export", facility_id=facility.id, reason=reason)
    context = {
        "frame": layout,
        "cause": cause,
        "rows": [{"row": row, "since": moment(row.since, facility)} for row in rows[:MAX_ROWS]],
        "most": MAX_ROWS if len(rows) > MAX_ROWS else None,
        "at": moment(hub.database.clock(), facility),
    }
    return Template("problems/printed.html", context=context)


async def _rows(hub: Hub, layout: Layout, facility: FacilityRow, cause: RootCause) -> list[PrintedRow]:
    missing = cause.missing
    if missing is None:
        return await _failed(hub, facility, cause)
    rows = await affected.waiting(hub.database, facility.id, missing.specs[0], missing.keys[:MAX_ROWS])
    mapping = hub.catalog.items.get(missing.specs[0])
    items = await items_by_key(hub, facility.id, mapping, [row.key for row in rows]) if mapping else []
    names = {item.key: item.name for item in items}
    return [
        PrintedRow(
            masked(row.norm or ""),
            masked(names.get(row.key) or row.name or ""),
            masked(row.key),
            row.since,
            row.n,
        )
        for row in rows
    ]


async def _failed(hub: Hub, facility: FacilityRow, cause: RootCause) -> list[PrintedRow]:
    """Return the failed deliveries, one row for all of one patient and type."""
    rows: dict[tuple[str, str], PrintedRow] = {}
    for part in cause.parts:
        for row in await affected.failed(hub.database, facility.id, part.spec.name, part.cause, MAX_ROWS + 1):
            norm, name = masked(row.norm or ""), masked(row.name or "")
            what = part.label if row.norm else f"{part.label} {masked(row.key)}"
            printed = rows.get((norm, what))
            if printed is None:
                rows[norm, what] = PrintedRow(norm, name, what, row.since)
            else:
                printed.n, printed.since = printed.n + 1, min(printed.since, row.since)
    return sorted(rows.values(), key=lambda row: (row.name, row.norm, row.what))
