"""Mappings as a table: downloaded, and back in with a preview of what each line would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath
from litestar.response import Response, Template
from sqlalchemy import insert

from admin.http.access import Right
from admin.pages.mapping.candidates import sentence
from admin.pages.mapping.confirm import ring
from admin.pages.mapping.shared import MappingPage, mapping_page_of
from admin.pages.mapping.spreadsheet import NotATable
from admin.pages.mapping.upload import csv_file, page, rows_of
from admin.pages.shared.areas import area_of
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import number, say
from engine.database.tables import AuditEntry
from engine.delivery.status import KEY_LENGTH
from engine.hub import Hub
from engine.mapping.confirm import Choice, Confirmed, confirm
from engine.mapping.table import COLUMNS, ImportRow, RowState, export, preview
from engine.matching.parts import Compared

MAP = {"right": Right.PANEL, "may": Permission.MAP}
SHOWN = 200
"""Lines of a preview that are shown."""
ICONS = {"new": "plus", "changed": "pencil", "conflict": "git-merge", "invalid": "x", "same": "equal"}
ORDER = (RowState.INVALID, RowState.CONFLICT, RowState.CHANGED, RowState.NEW, RowState.SAME)
"""What a person should look at comes first."""


@post("/pemetaan/{mapping:str}/ekspor", opt=MAP, include_in_schema=False, status_code=200)
async def export_mappings(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], mapping: FromPath[str]
) -> Response[str]:
    """All items with their codes; noted in the audit log."""
    desk = await mapping_page_of(request, hub, mapping)
    rows = await export(*desk.place)
    entry = {
        "at": hub.database.clock(),
        "actor": person.name,
        "action": "export",
        "facility_id": desk.facility.id,
        "reason": f"{desk.mapping.label}: {number(len(rows))}",
    }
    await hub.database.write(lambda connection: connection.execute(insert(AuditEntry).values(**entry)))
    return csv_file([list(COLUMNS), *rows], f"antar-{desk.mapping.name}.csv")


@post("/pemetaan/{mapping:str}/impor", opt=MAP, include_in_schema=False, status_code=200)
async def preview_mappings(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str]
) -> Template:
    """What each line would do; nothing is done yet."""
    desk = await mapping_page_of(request, hub, mapping)
    try:
        table = await request.app.state.sheets.table((await request.form()).get("berkas"), desk.facility.id)
    except NotATable as error:
        return page(desk, problem=str(error))
    lines = await preview(*desk.place, [{name.casefold(): str(cell) for name, cell in row.items()} for row in table])
    if not lines:
        return page(desk, problem=say("sheet.no_codes", column=COLUMNS[2]))
    choices = [line.choice for line in lines if line.choice is not None and line.state is not RowState.SAME]
    differing = await _differing(desk, choices)
    shown = [_shown(line, differing) for line in sorted(lines, key=lambda line: ORDER.index(line.state))]
    asked = {(each["item"], each["code"]) for each in shown if each["asks"]}
    carried = [_carried(line) for line in lines if line.choice is not None and line.state is not RowState.SAME]
    context = {
        **desk.context,
        "area": area_of(hub, desk.layout),
        "counts": Counter(line.state.value for line in lines),
        "states": [state.value for state in reversed(ORDER)],
        "icons": ICONS,
        "lines": [each for place, each in enumerate(shown) if place < SHOWN or each["asks"]],
        "hidden": sum(not each["asks"] for each in shown[SHOWN:]),
        "sure": sum((each.item_id, each.code) not in asked for each in choices),
        "asked": len(asked),
        "choices": orjson.dumps(carried).decode(),
    }
    return Template("mapping/import.html", context=context)


@post("/pemetaan/{mapping:str}/impor/simpan", opt=MAP, include_in_schema=False, status_code=200)
async def import_mappings(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], mapping: FromPath[str]
) -> Template:
    """Do what the preview showed: all that is in no doubt, and of the rest what was ticked."""
    desk, form = await mapping_page_of(request, hub, mapping), await request.form()
    rows = [_choice(row) for row in rows_of(form.get("isi"))]
    choices, ticked = [choice for choice, _ in rows], set(form.getall("setuju", []))
    differing = await _differing(desk, choices)
    asks = (conflict or bool(differing.get((choice.item_id, choice.code))) for choice, conflict in rows)
    wanted = [choice for choice, ask in zip(choices, asks, strict=True) if not ask or str(choice.item_id) in ticked]
    result = Confirmed(0, (), (), frozenset())
    if wanted:
        result = await confirm(*desk.place, wanted, person.name)
        ring(hub, result)
    left = len(choices) - len(wanted)
    told = say("sheet.mapped", n=number(result.done), left=number(left))
    return page(desk, told=told, refused=len(result.overtaken) + len(result.unknown))


def _carried(line: ImportRow) -> list[Any]:
    """A line as the form carries it from the preview on."""
    choice = line.choice
    return [choice.item_id, choice.code, choice.seen, line.state is RowState.CONFLICT] if choice else []


def _choice(row: Any) -> tuple[Choice, bool]:
    """A line that `_carried` wrote, and whether it is a conflict; raises 400 for anything else."""
    match row:
        case [int(id_), str(code), str() | None as seen, bool(conflict)] if 0 < id_ < 2**53 and len(code) <= KEY_LENGTH:
            return Choice(id_, code, seen), conflict
    raise ClientException("isi")


def _shown(line: ImportRow, differing: dict[tuple[int, str], tuple[Compared, ...]]) -> dict[str, Any]:
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
        "differs": [sentence(each) for each in differs],
        "item": choice.item_id if choice else 0,
        "conflict": line.state is RowState.CONFLICT,
        "asks": choice is not None
        and line.state is not RowState.SAME
        and bool(differs or line.state is RowState.CONFLICT),
    }


async def _differing(desk: MappingPage, choices: Sequence[Choice]) -> dict[tuple[int, str], tuple[Compared, ...]]:
    """(item, code) -> the parts whose difference must be confirmed expressly."""
    pairs = [(each.item_id, each.code) for each in choices]
    return await desk.hub.catalogues.differences(desk.mapping, desk.facility, pairs)
