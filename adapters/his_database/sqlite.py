"""SQLite files, for tests, the demo and small systems of one computer."""

from __future__ import annotations

import re
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.his_database.contract import Credentials
from adapters.his_database.faults import FaultKind, HisFault

STEPS_PER_LOOK = 10_000  # of SQLite's machine between two looks at the clock

_FAULTS = (
    (re.compile(r"no such table: (?:\w+\.)?(\S+)"), FaultKind.TABLE),
    (re.compile(r"no such column: (\S+)"), FaultKind.COLUMN),
    (re.compile(r"unable to open database file|disk I/O error|database is locked"), FaultKind.AWAY),
    (re.compile(r"interrupted"), FaultKind.SLOW),
)


class SqliteDialect:
    """A file that is opened for reading only; `database` is its path."""

    def url(self, credentials: Credentials, *, writes: bool = False) -> URL:
        file = credentials.get("database", "")
        if not Path(file).is_file():  # the driver's thread would outlive its failure
            raise HisFault(FaultKind.AWAY)
        return URL.create(
            "sqlite+aiosqlite", database=f"file:{file}", query={"mode": "rw" if writes else "ro", "uri": "true"}
        )

    def arguments(self, credentials: Credentials) -> dict[str, Any]:
        return {}

    async def begin(self, connection: AsyncConnection, patience: float) -> None:
        raw = await connection.get_raw_connection()
        ends = time.monotonic() + patience
        driver = raw.driver_connection
        assert driver is not None, "the connection is open"  # noqa: S101
        await driver.set_progress_handler(lambda: time.monotonic() > ends, STEPS_PER_LOOK)
        await connection.exec_driver_sql("BEGIN")

    def parameter(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat(sep=" ")
        return value.isoformat() if isinstance(value, date) else value

    def fault(self, error: BaseException) -> HisFault:
        words = str(getattr(error, "orig", None) or error)
        for pattern, kind in _FAULTS:
            if found := pattern.search(words):
                return HisFault(kind, found.group(1) if pattern.groups else "")
        return HisFault(FaultKind.QUERY, words)
