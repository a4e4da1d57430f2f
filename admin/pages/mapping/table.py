"""Mappings as a table: export, and import with a preview of the effect of each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.response import Response, Template

from admin.http.access import Right
from admin.pages.mapping.candidates import difference_text
from admin.pages.mapping.confirm import ring
from admin.pages.mapping.shared import OPENED_MAPPING, MappingPage, OpenedMapping
from admin.pages.mapping.spreadsheet import NotATable
from admin.pages.mapping.upload import csv_file, files_template, rows_of
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import number, say
from engine.database.audit import note_now
from engine.delivery.status import KEY_LENGTH
from engine.hub import Hub
from engine.mapping.confirm import Choice, Confirmed, confirm
from engine.mapping.table import COLUMNS, ImportRow, RowState, export, origin, preview
from engine.matching.parts import Compared
from engine.specs.mapping import MappingSpec

MAP = {"right": Right.PANEL, "may": Permission.MAP}
MAX_SHOWN_LINES = 200  # of a preview; lines that need consent are always shown
ICONS = {"new": "plus", "changed": "pencil", "conflict": "git-merge", "invalid": "x", "same": "equal"}
# Lines that a person should check come first.
STATE_ORDER = (RowState.INVALID, RowState.CONFLICT, RowState.CHANGED, RowState.NEW, RowState.SAME)


@post("/pemetaan/{mapping:str}/ekspor", opt=MAP, dependencies=OPENED_MAPPING, status_code=200)
async def export_mappings(
    hub: NamedDependency[Hub], person: NamedDependency[Person], page: OpenedMapping
) -> Response[str]:
    """Export all items with their codes; recorded in the audit log."""
    rows = await export(*page.place)
    reason = f"{page.mapping.label}: {number(len(rows))}"
    await note_now(hub.database, person.name, "export", facility_id=page.facility.id, reason=reason)
    return csv_file([list(COLUMNS), *rows], f"antar-{page.mapping.name}.csv")


@post("/pemetaan/{mapping:str}/impor", opt=MAP, dependencies=OPENED_MAPPING, status_code=200)
async def preview_mappings(request: Request[Any, Any, Any], hub: NamedDependency[Hub], page: OpenedMapping) -> Template:
    """Show what each line would do; nothing is stored yet."""
    try:
        table = await request.app.state.sheets.table((await request.form()).get("berkas"), page.facility.id)
    except NotATable as error:
        return files_template(page, problem=str(error))
    cells = [{name.casefold(): str(cell) for name, cell in row.items()} for row in table]
    lines = await preview(*page.place, cells, hub.catalog.sources)
    if not lines:
        return files_template(page, problem=say("sheet.no_codes", column=COLUMNS[2]))
    choices = [line.choice for line in lines if line.choice is not None and line.state is not RowState.SAME]
    differing = await _differing(page, choices)
    views = [
        _line_view(page.mapping, line, differing)
        for line in sorted(lines, key=lambda line: STATE_ORDER.index(line.state))
    ]
    asked = {(view["item"], view["code"]) for view in views if view["asks"]}
    form_rows = [_form_row(line) for line in lines if line.choice is not None and line.state is not RowState.SAME]
    context = {
        **page.context,
        "counts": Counter(line.state.value for line in lines),
        "states": [state.value for state in reversed(STATE_ORDER)],
        "icons": ICONS,
        "lines": [view for place, view in enumerate(views) if place < MAX_SHOWN_LINES or view["asks"]],
        "hidden": sum(not view["asks"] for view in views[MAX_SHOWN_LINES:]),
        "sure": sum((choice.item_id, choice.code) not in asked for choice in choices),
        "asked": len(asked),
        "choices": orjson.dumps(form_rows).decode(),
    }
    return Template("mapping/import.html", context=context)


@post("/pemetaan/{mapping:str}/impor/simpan", opt=MAP, dependencies=OPENED_MAPPING, status_code=200)
async def import_mappings(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], page: OpenedMapping
) -> Template:
    """Store what the preview showed: lines that need no consent, and of the others the ticked ones."""
    form = await request.form()
    rows = [_choice(page, row) for row in rows_of(form.get("isi"))]
    choices, ticked = [choice for choice, _ in rows], set(form.getall("setuju", []))
    differing = await _differing(page, choices)
    asks = (conflict or bool(differing.get((choice.item_id, choice.code))) for choice, conflict in rows)
    confirmed = [choice for choice, ask in zip(choices, asks, strict=True) if not ask or str(choice.item_id) in ticked]
    result = Confirmed((), (), (), frozenset())
    if confirmed:
        result = await confirm(*page.place, confirmed, person.name)
        ring(hub, result.channels)
    left = len(choices) - len(confirmed)
    message = say("sheet.mapped", n=number(len(result.done)), left=number(left))
    return files_template(page, message=message, refused=len(result.overtaken) + len(result.unknown))


def _form_row(line: ImportRow) -> list[Any]:
    """Return a line as the form of the preview carries it."""
    choice = line.choice
    return [choice.item_id, choice.code, choice.seen, line.state is RowState.CONFLICT, line.source] if choice else []


def _choice(page: MappingPage, row: Any) -> tuple[Choice, bool]:
    """Read a line that `_form_row` wrote, and whether it is a conflict; raise 400 for anything else."""
    match row:
        case [int(id_), str(code), str() | None as seen, bool(conflict), str(source)] if (
            0 < id_ < 2**53 and len(code) <= KEY_LENGTH
        ):
            by = origin(page.mapping, page.hub.catalog.sources, source)
            return Choice(id_, code, seen, origin=by), conflict
    raise ClientException("isi")


def _line_view(
    mapping: MappingSpec, line: ImportRow, differing: dict[tuple[int, str], tuple[Compared, ...]]
) -> dict[str, Any]:
    choice = line.choice
    differs = differing.get((choice.item_id, choice.code), ()) if choice else ()
    return {
        "number": line.number + 1,
        "key": line.key,
        "name": line.name,
        "code": line.code,
        "code_name": line.code_name,
        "before": line.before,
        "state": line.state.value,
        "fault": line.fault.value if line.fault else "",
        "differs": [difference_text(mapping, difference) for difference in differs],
        "item": choice.item_id if choice else 0,
        "conflict": line.state is RowState.CONFLICT,
        "asks": choice is not None
        and line.state is not RowState.SAME
        and bool(differs or line.state is RowState.CONFLICT),
    }


async def _differing(page: MappingPage, choices: Sequence[Choice]) -> dict[tuple[int, str], tuple[Compared, ...]]:
    """Return (item, code) -> the parts whose difference needs express consent."""
    pairs = [(choice.item_id, choice.code) for choice in choices]
    return await page.hub.code_searches.differences(page.mapping, page.facility, pairs)
