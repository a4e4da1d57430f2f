"""MariaDB 10.1 and later, MySQL 5.7 and later."""

from __future__ import annotations

import re
import ssl
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.his_database.contract import CONNECT_SECONDS, Credentials
from adapters.his_database.faults import FaultKind, HisFault

PORT = 3306
# By the number of the server's error.
_KINDS = {
    **dict.fromkeys((1045, 1130, 1698, 1862, 2059), FaultKind.REFUSED),
    **dict.fromkeys((1044, 1049), FaultKind.DATABASE),
    **dict.fromkeys((1142, 1143, 1370), FaultKind.RIGHT),
    1146: FaultKind.TABLE,
    1054: FaultKind.COLUMN,
    **dict.fromkeys((1969, 3024), FaultKind.SLOW),
    **dict.fromkeys((1040, 1053, 1129, 1203, 2002, 2003, 2005, 2006, 2013), FaultKind.AWAY),
}
_NAMES = {
    FaultKind.DATABASE: re.compile(r"database '([^']+)'"),
    FaultKind.RIGHT: re.compile(r"for table (\S+)|for column (\S+)"),
    FaultKind.TABLE: re.compile(r"Table '([^']+)'"),
    FaultKind.COLUMN: re.compile(r"column '([^']+)'"),
}


class MariadbDialect:
    """A server of MariaDB or MySQL."""

    def url(self, credentials: Credentials, *, writes: bool = False) -> URL:
        return URL.create(
            "mysql+asyncmy",
            username=credentials.get("user", ""),
            password=credentials.get("password", ""),
            host=credentials.get("host", "localhost"),
            port=int(credentials.get("port") or PORT),
            database=credentials.get("database", ""),
            query={"charset": "utf8mb4"},
        )

    def arguments(self, credentials: Credentials) -> dict[str, Any]:
        ca = credentials.get("ca")
        tls = {"ssl": ssl.create_default_context(cadata=ca)} if ca else {}
        return {"connect_timeout": CONNECT_SECONDS, **tls}

    async def begin(self, connection: AsyncConnection, patience: float) -> None:
        # Zero dates can be selected in any mode of MariaDB, but not in the strict modes of MySQL.
        await connection.exec_driver_sql("SET SESSION sql_mode = ''")
        await connection.exec_driver_sql(_patience(connection, patience))
        await connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def parameter(self, value: Any) -> Any:
        return value

    def fault(self, error: BaseException) -> HisFault:
        orig = getattr(error, "orig", None) or error
        number, words = (*getattr(orig, "args", ()), "", "")[:2]
        kind = _KINDS.get(number) if isinstance(number, int) else None
        if kind is None:
            is_away = isinstance(orig, OSError) or getattr(error, "connection_invalidated", False)
            return HisFault(FaultKind.AWAY) if is_away else HisFault(FaultKind.QUERY, str(words))
        found = _NAMES[kind].search(str(words)) if kind in _NAMES else None
        name = next(filter(None, found.groups()), "") if found else ""
        return HisFault(kind, name.replace("`", "").replace("'", ""))


def _patience(connection: AsyncConnection, seconds: float) -> str:
    if getattr(connection.dialect, "is_mariadb", False):
        return f"SET SESSION max_statement_time = {seconds:.3f}"
    return f"SET SESSION max_execution_time = {int(seconds * 1000)}"
