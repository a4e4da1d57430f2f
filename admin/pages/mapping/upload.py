"""Files of a mapping: import of items from a table, with a preview of their faults before any is stored."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.response import Redirect, Response, Template

from adapters.base import Problem
from admin.http.access import Right
from admin.http.parameters import Number
from admin.pages.mapping.shared import OPENED_MAPPING, MappingPage, OpenedMapping, value_text
from admin.pages.mapping.spreadsheet import MAX_FILE_BYTES, NotATable
from admin.pages.mapping.spreadsheet_reader import MAX_ROWS
from admin.pages.mapping.upload_records import headings, records_of
from admin.pages.shared.csv_text import as_csv
from admin.people.permissions import Permission
from admin.text.words import language, say
from engine.hub import Hub
from engine.intake.intake import Refused

MAP = {"right": Right.PANEL, "may": Permission.MAP}
MAX_FORM_BYTES = 40_000_000  # the lines of a file as JSON
MAX_SHOWN_LINES = 20  # lines without a fault
MAX_FAULTY_LINES = 200
# Schema rules that have a message of their own.
RULES = {"required", "type", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "name", "key"}


@get("/pemetaan/{mapping:str}/berkas", opt=MAP, dependencies=OPENED_MAPPING)
async def files_page(
    page: OpenedMapping,
    baru: Number = None,
    berubah: Number = None,
    tetap: Number = None,
    ditolak: Number = None,
) -> Template:
    """Show the page on which files are uploaded and downloaded, with the result of the last upload."""
    message = say("sheet.stored", new=baru, changed=berubah or 0, same=tetap or 0) if baru is not None else ""
    return files_template(page, message=message, refused=ditolak or 0)


@get("/pemetaan/{mapping:str}/contoh", opt={**MAP, "live": True}, dependencies=OPENED_MAPPING)
async def sample(page: OpenedMapping) -> Response[str]:
    """Return an example table with the right headings and one line."""
    names = list(page.mapping.record_schema.get("properties", {}))
    example = [value_text(page.mapping.example[name]) if name in page.mapping.example else "" for name in names]
    return csv_file([names, example], f"antar-{page.mapping.name}-contoh.csv")


@post("/pemetaan/{mapping:str}/barang", opt=MAP, dependencies=OPENED_MAPPING, status_code=200)
async def preview_items(request: Request[Any, Any, Any], hub: NamedDependency[Hub], page: OpenedMapping) -> Template:
    """Show what would be stored, and the faults of the rest; nothing is stored yet."""
    try:
        table = await request.app.state.sheets.table((await request.form()).get("berkas"), page.facility.id)
    except NotATable as error:
        return files_template(page, problem=str(error))
    records, unknown = records_of(page, table)
    refused = await hub.intake.check(page.facility, page.mapping.item, records)
    bad = {refusal.index for refusal in refused}
    good = [record for index, record in enumerate(records) if index not in bad]
    context = {
        **page.context,
        "good": [[value_text(record.get(name)) for name in _names(records)] for record in good[:MAX_SHOWN_LINES]],
        "names": _names(records),
        "n": len(good),
        "faults": [fault for refusal in refused[:MAX_FAULTY_LINES] for fault in _faults(refusal)],
        "faulty": len(refused),
        "unknown": unknown,
        "records": orjson.dumps(good).decode(),
    }
    return Template("mapping/upload.html", context=context)


@post(
    "/pemetaan/{mapping:str}/barang/simpan", opt=MAP, dependencies=OPENED_MAPPING, request_max_body_size=MAX_FORM_BYTES
)
async def store_items(request: Request[Any, Any, Any], hub: NamedDependency[Hub], page: OpenedMapping) -> Redirect:
    """Store what the preview showed, after checking it again."""
    records = rows_of((await request.form()).get("isi"))
    results = await hub.intake.hand_in(page.facility, page.mapping.item, records)
    outcomes = Counter("ditolak" if isinstance(result, Refused) else result.outcome for result in results)
    query = {"baru": outcomes["accepted"], "berubah": outcomes["changed"], "tetap": outcomes["unchanged"]}
    return Redirect(f"{page.home}/berkas?{urlencode({**query, 'ditolak': outcomes['ditolak']})}", status_code=303)


def files_template(page: MappingPage, *, message: str = "", problem: str = "", refused: int = 0) -> Template:
    """Return the page of files with a message or a problem."""
    labels = headings(page, [language()])
    properties = page.mapping.record_schema.get("properties", {})
    context = {
        **page.context,
        "message": message,
        "problem": problem,
        "refused": refused,
        "headings": {name: [label for label, of in labels.items() if of == name] for name in properties},
        "help": page.mapping.help,
        "required": page.mapping.record_schema.get("required", []),
        "largest": MAX_FILE_BYTES // 1_000_000,
        "most": MAX_ROWS,
    }
    return Template("mapping/files.html", context=context)


def csv_file(rows: list[list[str]], name: str) -> Response[str]:
    """Return a table as a CSV download, with the byte order mark that makes spreadsheets read it as UTF-8."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def rows_of(content: Any) -> list[Any]:
    """Read the rows that a preview carried in its form; raise 400 for anything else."""
    try:
        rows = orjson.loads(str(content))
    except orjson.JSONDecodeError:
        rows = None
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise ClientException("isi")
    return rows


def _names(records: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _faults(refused: Refused) -> list[dict[str, Any]]:
    return [
        {"line": refused.index + 2, "key": refused.key or "–", "path": problem.path, "message": _words(problem)}
        for problem in refused.problems
    ]


def _words(problem: Problem) -> str:
    """Return the message of a problem; for a rule without one, the message of the schema check."""
    return say(f"sheet.rule.{problem.rule}", limit=problem.limit) if problem.rule in RULES else problem.message
