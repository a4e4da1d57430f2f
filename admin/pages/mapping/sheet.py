"""A table out of a file that a person uploads: CSV as spreadsheets write it, or a workbook."""

from __future__ import annotations

import asyncio
import csv
import warnings
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from litestar.datastructures import UploadFile

from admin.pages.export import FORMULA
from admin.words import number, say
from engine.errors import AntarError

LARGEST = 5_000_000
"""Bytes of a file."""
UNPACKED = 80_000_000
"""Bytes of a workbook's parts: a small file can hold a flood."""
MOST = 10_000
"""Lines of a table."""
WIDEST = 100
"""Columns of a table."""

Table = list[dict[str, Any]]
"""Lines by their headings."""


class NotATable(AntarError):
    """Why a file cannot be read, in words for a person."""


async def table_of(uploaded: Any) -> Table:
    """The lines of an uploaded file; empty ones are left out. Raises NotATable."""
    if not isinstance(uploaded, UploadFile) or not uploaded.filename:
        raise NotATable(say("sheet.none"))
    content = await uploaded.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotATable(say("sheet.large", most=number(LARGEST // 1_000_000)))
    return await asyncio.to_thread(read, content)


def read(content: bytes) -> Table:
    """The lines of a file, known by its first bytes. Raises NotATable."""
    rows = _workbook(content) if content.startswith(b"PK") else _csv(content)
    heading = next(rows, ())
    names = [str(cell or "").strip() for cell in heading][:WIDEST]
    if not any(names):
        raise NotATable(say("sheet.no_heading"))
    table: Table = []
    for row in rows:
        line = {name: cell for name, cell in zip(names, map(_plain, row), strict=False) if name and cell != ""}
        if line:
            table.append(line)
        if len(table) > MOST:
            raise NotATable(say("sheet.long", most=number(MOST)))
    if not table:
        raise NotATable(say("sheet.empty"))
    return table


def _csv(content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # what Excel writes without being asked
    if "\x00" in text:
        raise NotATable(say("sheet.unreadable"))
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    return _told(csv.reader(StringIO(text, newline=""), delimiter=delimiter))


def _told(rows: Iterable[Sequence[Any]]) -> Any:
    try:
        yield from rows
    except csv.Error as error:
        raise NotATable(say("sheet.unreadable")) from error


def _workbook(content: bytes) -> Any:
    from openpyxl import load_workbook  # importing it costs a tenth of a second

    try:
        with ZipFile(BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > UNPACKED:
            raise NotATable(say("sheet.large", most=number(UNPACKED // 1_000_000)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it leaves out: styles, drawings
            book = load_workbook(BytesIO(content), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            return iter(list(sheet.iter_rows(max_row=MOST + 2, max_col=WIDEST, values_only=True)))
    except NotATable:
        raise
    except (BadZipFile, KeyError, ValueError, IndexError, OSError, TypeError, SyntaxError) as error:
        raise NotATable(say("sheet.unreadable")) from error


def _plain(cell: Any) -> Any:
    """A cell as JSON has it; what was made harmless for a spreadsheet is as it was."""
    if cell is None:
        return ""
    if isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else cell
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    text = str(cell).replace("\x00", "").strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
