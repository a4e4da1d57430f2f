"""Warnings of a trial: a user who may write, a connection without TLS, a query that goes through a whole table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from adapters.his_database.connection import Snapshot
from adapters.his_database.contract import Credentials
from adapters.messages import message

MANY_ROWS = 10_000  # of a table that a query should not go through as a whole
NEAR = {"", "localhost", "127.0.0.1", "::1"}
_READS_ONLY = {"USAGE", "SELECT", "SHOW VIEW", "PROCESS", "SHOW DATABASES"}

_WRITES_POSTGRESQL = """
SELECT count(*) AS n FROM information_schema.role_table_grants
WHERE grantee = current_user AND table_name <> :table AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
"""


class _Questions(NamedTuple):
    """Queries by which a server tells of the connection."""

    rights: str
    tls: str


_QUESTIONS: Mapping[str, _Questions] = {
    "mariadb": _Questions("SHOW GRANTS", "SHOW SESSION STATUS LIKE 'Ssl_cipher'"),
    "postgresql": _Questions(_WRITES_POSTGRESQL, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
}


async def warnings(system: str, credentials: Credentials, snapshot: Snapshot, table: str | None = None) -> list[str]:
    """Return what is unwise about the connection, as messages for people. Raises HisFault.

    `table` is the one that the user may write to.
    """
    if system not in _QUESTIONS:
        return []
    rights = await snapshot.rows(_QUESTIONS[system].rights, {"table": table or ""})
    tls = await snapshot.rows(_QUESTIONS[system].tls, {})
    found = []
    if any(_may_write(value, table) for row in rights for value in row.values()):
        found.append(message("source.may_write"))
    is_private = any(value for row in tls for name, value in row.items() if name.lower() in ("ssl", "value"))
    if not is_private and credentials.get("host", "") not in NEAR:
        found.append(message("source.without_tls"))
    return found


async def whole_tables(system: str, snapshot: Snapshot, query: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return the large tables that a query goes through as a whole. Raises HisFault."""
    if system != "mariadb":
        return []
    plan = await snapshot.rows(f"EXPLAIN {query}", parameters)
    # MariaDB tells the number of rows as a text.
    large = [step for step in plan if step.get("type") == "ALL" and int(step.get("rows") or 0) > MANY_ROWS]
    return [str(step["table"]) for step in large]


async def count(snapshot: Snapshot, query: str, parameters: Mapping[str, Any]) -> int:
    """Return the number of rows of a query. Raises HisFault."""
    [row] = await snapshot.rows(f"SELECT COUNT(*) AS n FROM ({query}) AS counted", parameters)
    return int(row["n"])


async def look_at(system: str, snapshot: Snapshot, table: str) -> None:
    """Raise HisFault unless the user may read a table; no row is read."""
    quote = "`" if system == "mariadb" else '"'
    name = ".".join(f"{quote}{part}{quote}" for part in table.split("."))
    await snapshot.rows(f"SELECT 1 AS n FROM {name} WHERE 1 = 0", {})


def _may_write(grant: Any, table: str | None) -> bool:
    """Return whether a line of SHOW GRANTS, or a number of rights, allows more than reading, `table` left aside."""
    if not isinstance(grant, str):
        return bool(grant)
    if table is not None and f".`{table}` TO " in grant:
        return False
    privileges = grant.removeprefix("GRANT ").split(" ON ", 1)[0]
    return any(
        part.split("(", 1)[0].strip() not in _READS_ONLY for part in privileges.split(",") if "PROXY" not in part
    )
