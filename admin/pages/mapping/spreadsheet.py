"""Reads the table in a file that a person uploads: CSV as spreadsheets write it, or a workbook."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog
from litestar.datastructures import UploadFile

from admin.pages.mapping import spreadsheet_reader
from admin.pages.mapping.spreadsheet_reader import MAX_OUTPUT_BYTES
from admin.pages.shared.csv_text import FORMULA_STARTS
from admin.text.words import number, say
from engine.errors import AntarError
from engine.time_slice import TimeSlice

MAX_FILE_BYTES = 5_000_000
MAX_READERS = 2  # processes at once; one per clinic
MAX_WAITING = 3  # uploads of one clinic that wait for a process
WAIT_SECONDS = 30.0
READ_SECONDS = 60.0

Table = list[dict[str, Any]]  # lines: heading -> cell

log = structlog.get_logger(__name__)


class NotATable(AntarError):
    """A file cannot be read; the message is in words for a person."""


class Sheets:
    """Reads uploaded files, each in a process of its own with limits on memory and time: spreadsheet_reader."""

    def __init__(
        self, command: tuple[str, ...] = (sys.executable, "-I", str(Path(spreadsheet_reader.__file__)))
    ) -> None:
        self._command = command
        self._readers = asyncio.Semaphore(MAX_READERS)
        self._clinics: dict[int, asyncio.Lock] = {}
        self._waiting: Counter[int] = Counter()

    async def table(self, uploaded: Any, facility_id: int) -> Table:
        """Return the lines of an uploaded file without empty ones. Raise NotATable."""
        if not isinstance(uploaded, UploadFile) or not uploaded.filename:
            raise NotATable(say("sheet.none"))
        content = await uploaded.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise NotATable(say("sheet.large", most=number(MAX_FILE_BYTES // 1_000_000)))
        async with self._slot(facility_id):
            try:
                async with asyncio.timeout(READ_SECONDS):
                    return await self._read(content)
            except TimeoutError as error:
                raise NotATable(say("sheet.heavy")) from error

    @asynccontextmanager
    async def _slot(self, facility_id: int) -> AsyncIterator[None]:
        """Wait for a process to become free. Raise NotATable if that takes too long."""
        if self._waiting[facility_id] >= MAX_WAITING:
            raise NotATable(say("sheet.busy"))
        clinic = self._clinics.setdefault(facility_id, asyncio.Lock())
        self._waiting[facility_id] += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await clinic.acquire()
                try:
                    await self._readers.acquire()
                except BaseException:
                    clinic.release()
                    raise
        except TimeoutError as error:
            raise NotATable(say("sheet.busy")) from error
        finally:
            self._waiting[facility_id] -= 1
        try:
            yield
        finally:
            self._readers.release()
            clinic.release()

    async def _read(self, content: bytes) -> Table:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # The process inherits no secret. Windows starts no program without SYSTEMROOT.
            env={name: value for name, value in os.environ.items() if name.upper() == "SYSTEMROOT"},
            limit=MAX_OUTPUT_BYTES,
        )
        writing = asyncio.create_task(_write(process.stdin, content))
        try:
            return await _table(process.stdout)
        finally:
            writing.cancel()
            if process.returncode is None:
                process.kill()
            await process.wait()
            await asyncio.wait({writing})


async def _write(stdin: asyncio.StreamWriter | None, content: bytes) -> None:
    if stdin is None:
        return
    try:
        stdin.write(content)
        await stdin.drain()
        stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        log.debug("sheet_reader_ended_early")


async def _table(stdout: asyncio.StreamReader | None) -> Table:
    """Return the lines that the reader prints. Raise NotATable, also if its limits end it early."""
    names: list[str] | None = None
    table: Table = []
    time_slice = TimeSlice()
    while text := await stdout.readline() if stdout else b"":
        await time_slice.pause()
        row = orjson.loads(text) if text.endswith(b"\n") else None
        if isinstance(row, dict) and "problem" in row:
            raise NotATable(say(row["problem"], most=number(row["most"])))
        if isinstance(row, dict):
            return _complete(names, table)
        if isinstance(row, list) and names is None:
            names = [str(cell or "").strip() for cell in row]
        elif isinstance(row, list) and names is not None:
            line = {name: cell for name, cell in zip(names, map(_natural, row), strict=False) if name and cell != ""}
            table += [line] if line else []
    raise NotATable(say("sheet.heavy"))


def _complete(names: list[str] | None, table: Table) -> Table:
    if not any(names or ()):
        raise NotATable(say("sheet.no_heading"))
    if not table:
        raise NotATable(say("sheet.empty"))
    return table


def _natural(cell: Any) -> Any:
    """Remove the quote that `csv_text.harmless` adds to a cell."""
    is_guarded = isinstance(cell, str) and cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS)
    return cell[1:] if is_guarded else cell
