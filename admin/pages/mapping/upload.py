"""Files of a mapping: items from a table, told what is wrong with them before any is stored."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from adapters.base import Problem
from admin.http.access import Right
from admin.http.parameters import Number
from admin.pages.mapping.shared import MappingPage, mapping_page_of, told
from admin.pages.mapping.spreadsheet import MAX_FILE_BYTES, NotATable
from admin.pages.mapping.spreadsheet_reader import MAX_ROWS
from admin.pages.mapping.upload_records import headings, records_of
from admin.pages.shared.areas import area_of
from admin.pages.shared.csv_text import as_csv
from admin.people.permissions import Permission
from admin.text.words import say
from engine.hub import Hub
from engine.intake.intake import Refused

MAP = {"right": Right.PANEL, "may": Permission.MAP}
LARGEST_FORM = 40_000_000
"""Bytes that the lines of a file may have as JSON."""
SHOWN = 20
"""Good lines that are shown."""
FAULTS = 200
"""Faulty lines that are told."""
RULES = {"required", "type", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "name", "key"}
"""Those that have words of their own."""


@get("/pemetaan/{mapping:str}/berkas", opt=MAP, include_in_schema=False)
async def files_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    mapping: FromPath[str],
    baru: Number = None,
    berubah: Number = None,
    tetap: Number = None,
    ditolak: Number = None,
) -> Template:
    """Where files are uploaded and downloaded, and what became of the last."""
    desk = await mapping_page_of(request, hub, mapping)
    told_ = say("sheet.stored", new=baru, changed=berubah or 0, same=tetap or 0) if baru is not None else ""
    return page(desk, told=told_, refused=ditolak or 0)


@get("/pemetaan/{mapping:str}/contoh", opt={**MAP, "live": True}, include_in_schema=False)
async def sample(request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str]) -> Response[str]:
    """A table with the right headings and one line."""
    desk = await mapping_page_of(request, hub, mapping)
    names = list(desk.mapping.record_schema.get("properties", {}))
    example = [told(desk.mapping.example[name]) if name in desk.mapping.example else "" for name in names]
    return csv_file([names, example], f"antar-{desk.mapping.name}-contoh.csv")


@post("/pemetaan/{mapping:str}/barang", opt=MAP, include_in_schema=False, status_code=200)
async def preview_items(request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str]) -> Template:
    """What would be stored and what is wrong with the rest; nothing is stored yet."""
    desk = await mapping_page_of(request, hub, mapping)
    try:
        table = await request.app.state.sheets.table((await request.form()).get("berkas"), desk.facility.id)
    except NotATable as error:
        return page(desk, problem=str(error))
    records, unknown = records_of(desk, table)
    refused = await hub.intake.check(desk.facility, desk.mapping.item, records)
    bad = {each.index for each in refused}
    good = [record for index, record in enumerate(records) if index not in bad]
    context = {
        **_around(desk),
        "good": [[told(record.get(name)) for name in _names(records)] for record in good[:SHOWN]],
        "names": _names(records),
        "n": len(good),
        "faults": [fault for each in refused[:FAULTS] for fault in _faults(each)],
        "faulty": len(refused),
        "unknown": unknown,
        "records": orjson.dumps(good).decode(),
    }
    return Template("mapping/upload.html", context=context)


@post("/pemetaan/{mapping:str}/barang/simpan", opt=MAP, include_in_schema=False, request_max_body_size=LARGEST_FORM)
async def store_items(request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str]) -> Redirect:
    """Store what the preview showed; it is checked once more."""
    desk = await mapping_page_of(request, hub, mapping)
    records = rows_of((await request.form()).get("isi"))
    results = await hub.intake.hand_in(desk.facility, desk.mapping.item, records)
    became = Counter("ditolak" if isinstance(each, Refused) else each.outcome for each in results)
    query = {"baru": became["accepted"], "berubah": became["changed"], "tetap": became["unchanged"]}
    return Redirect(f"{desk.home}/berkas?{urlencode({**query, 'ditolak': became['ditolak']})}", status_code=303)


def page(desk: MappingPage, *, told: str = "", problem: str = "", refused: int = 0) -> Template:
    """The page of files."""
    said = headings(desk)
    properties = desk.mapping.record_schema.get("properties", {})
    context = {
        **_around(desk),
        "told": told,
        "problem": problem,
        "refused": refused,
        "headings": {name: [each for each, of in said.items() if of == name] for name in properties},
        "required": desk.mapping.record_schema.get("required", []),
        "largest": MAX_FILE_BYTES // 1_000_000,
        "most": MAX_ROWS,
    }
    return Template("mapping/files.html", context=context)


def csv_file(rows: list[list[str]], name: str) -> Response[str]:
    """A table to be downloaded: UTF-8 with the mark by which spreadsheets know it, harmless in them."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def rows_of(said: Any) -> list[Any]:
    """What a preview carried in its form; raises 400 for anything else."""
    try:
        rows = orjson.loads(str(said))
    except orjson.JSONDecodeError:
        rows = None
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise ClientException("isi")
    return rows


def _around(desk: MappingPage) -> dict[str, Any]:
    return {**desk.context, "area": area_of(desk.hub, desk.layout)}


def _names(records: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _faults(refused: Refused) -> list[dict[str, Any]]:
    return [
        {"line": refused.index + 2, "key": refused.key or "–", "path": problem.path, "message": _words(problem)}
        for problem in refused.problems
    ]


def _words(problem: Problem) -> str:
    """What a person reads; a rule that has no words of its own is told as the schema tells it."""
    return say(f"sheet.rule.{problem.rule}", limit=problem.limit) if problem.rule in RULES else problem.message
