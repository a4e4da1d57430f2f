"""Program that reads an uploaded table in a process of its own: a few kB of a workbook can take minutes and gigabytes.

Input: the file. Output: one JSON value per line, each row as an array of cells (the headings first), then
`{"end": null}`, or `{"problem": KEY, "most": NUMBER}` with the key of a message. It limits itself before it reads, and
imports nothing of Antar: it starts quickly, and holds no secret.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from io import BytesIO, StringIO
from math import isfinite
from typing import Any
from zipfile import ZipFile

MAX_ROWS = 10_000
MAX_COLUMNS = 100
MAX_CELLS = 200_000
MAX_OUTPUT_BYTES = 8_000_000
MAX_UNPACKED_BYTES = 80_000_000
# Start and end tags of XML elements, counted by their "<": each costs time, however short it is.
MAX_TAGS = 2_000_000
MAX_PARTS = 1_000
MAX_MEMORY_BYTES = 192 * 1024 * 1024
MAX_CPU_SECONDS = 20
BLOCK_BYTES = 64 * 1024
MAX_NUMBER = 2**53  # beyond which JSON has no exact number


class UnreadableFile(Exception):
    """A file cannot be read: the key of a message, with its number."""

    def __init__(self, key: str, most: int = 0) -> None:
        super().__init__(key)
        self.key = key
        self.most = most


def main() -> None:
    limit_resources()
    try:
        for line in lines(sys.stdin.buffer.read()):
            sys.stdout.buffer.write(line)
        result: dict[str, Any] = {"end": None}
    except UnreadableFile as problem:
        result = {"problem": problem.key, "most": problem.most}
    except MemoryError:
        result = {"problem": "sheet.heavy", "most": 0}
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n")
    sys.stdout.buffer.flush()


def limit_resources() -> None:
    """Bound this process's memory and time, and let others go first.

    Where the system has no such limits, the caller's time limit remains.
    """
    with suppress(OSError, AttributeError):
        os.nice(10)
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_DATA, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, hard))


def lines(content: bytes) -> Iterator[bytes]:
    """Return the heading and the rows that are not empty, each as a line of JSON. Raise UnreadableFile."""
    rows = cells = size = 0
    for row in _workbook(content) if content.startswith(b"PK") else _csv(content):
        plain = [_plain(cell) for cell in row]
        while plain and plain[-1] == "":
            plain.pop()
        if len(plain) > MAX_COLUMNS:
            raise UnreadableFile("sheet.columns", MAX_COLUMNS)
        if rows and not plain:
            continue
        line = json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        rows, cells, size = rows + 1, cells + len(plain), size + len(line)
        if rows > MAX_ROWS + 1:
            raise UnreadableFile("sheet.long", MAX_ROWS)
        if cells > MAX_CELLS:
            raise UnreadableFile("sheet.cells", MAX_CELLS)
        if size > MAX_OUTPUT_BYTES:
            raise UnreadableFile("sheet.heavy")
        yield line


def _csv(content: bytes) -> Iterator[Sequence[Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # what Excel writes without being asked
    if "\x00" in text:
        raise UnreadableFile("sheet.unreadable")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise UnreadableFile("sheet.unreadable") from error


def _workbook(content: bytes) -> Iterator[Sequence[Any]]:
    try:
        _check_parts(content)
        from openpyxl import load_workbook

        warnings.simplefilter("ignore")  # about styles and drawings, which it ignores
        workbook = load_workbook(BytesIO(content), read_only=True, data_only=True)
        yield from workbook.worksheets[0].iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True)
    except (UnreadableFile, MemoryError):
        raise
    except Exception as error:
        # A broken part can make openpyxl raise any exception.
        raise UnreadableFile("sheet.unreadable") from error


def _check_parts(content: bytes) -> None:
    """Raise UnreadableFile if the parts are many or large, or have many elements."""
    size = tags = 0
    with ZipFile(BytesIO(content)) as archive:
        if len(archive.infolist()) > MAX_PARTS:
            raise UnreadableFile("sheet.heavy")
        for info in archive.infolist():
            with archive.open(info) as part:
                while block := part.read(BLOCK_BYTES):
                    size, tags = size + len(block), tags + block.count(b"<")
                    if size > MAX_UNPACKED_BYTES or tags > MAX_TAGS:
                        raise UnreadableFile("sheet.heavy")


def _plain(cell: Any) -> Any:
    """Return a cell as a JSON value."""
    if cell is None:
        return ""
    if isinstance(cell, float) and isfinite(cell) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, bool | int | float):
        return cell if abs(cell) < MAX_NUMBER else str(cell)  # NaN and infinity become text as well
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell).replace("\x00", "").strip()


if __name__ == "__main__":
    main()
