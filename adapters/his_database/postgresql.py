"""PostgreSQL."""

from __future__ import annotations

import re
import ssl
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.his_database.contract import CONNECT_SECONDS, Credentials
from adapters.his_database.faults import FaultKind, HisFault

PORT = 5432
# By the beginning of SQLSTATE.
_KINDS = (
    ("28", FaultKind.REFUSED),
    ("3D", FaultKind.DATABASE),
    ("42501", FaultKind.RIGHT),
    ("42P01", FaultKind.TABLE),
    ("42703", FaultKind.COLUMN),
    ("57014", FaultKind.SLOW),
    ("08", FaultKind.AWAY),
    ("53", FaultKind.AWAY),
    ("57P", FaultKind.AWAY),
)
_NAMED = re.compile(r'"([^"]+)"|for table (\S+)|column (\S+) does')


class PostgresqlDialect:
    """A server of PostgreSQL."""

    def url(self, credentials: Credentials, *, writes: bool = False) -> URL:
        return URL.create(
            "postgresql+asyncpg",
            username=credentials.get("user", ""),
            password=credentials.get("password", "") or None,
            host=credentials.get("host", "localhost"),
            port=int(credentials.get("port") or PORT),
            database=credentials.get("database", ""),
        )

    def arguments(self, credentials: Credentials) -> dict[str, Any]:
        ca = credentials.get("ca")
        tls = {"ssl": ssl.create_default_context(cadata=ca)} if ca else {}
        return {"timeout": CONNECT_SECONDS, **tls}

    async def begin(self, connection: AsyncConnection, patience: float) -> None:
        await connection.exec_driver_sql(f"SET statement_timeout = {int(patience * 1000)}")
        await connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def parameter(self, value: Any) -> Any:
        return value

    def fault(self, error: BaseException) -> HisFault:
        orig = getattr(error, "orig", None) or error
        state = str(getattr(orig, "sqlstate", None) or "")
        words = str(orig).rpartition(">: ")[2]
        for beginning, kind in _KINDS:
            if state.startswith(beginning):
                found = _NAMED.search(words)
                return HisFault(kind, next(filter(None, found.groups()), "").strip('"') if found else "")
        is_away = isinstance(orig, OSError) or getattr(error, "connection_invalidated", False)
        return HisFault(FaultKind.AWAY) if is_away else HisFault(FaultKind.QUERY, words)
