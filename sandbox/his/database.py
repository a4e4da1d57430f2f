"""The database of a clinic's system, as its own programs write it: MariaDB or a file of SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine


class HisDatabase:
    """Writes to one database; each call is a transaction on a connection of its own."""

    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(url, poolclass=NullPool)

    async def run(self, *statements: str) -> None:
        """Run statements in one transaction."""
        async with self._engine.begin() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)

    async def insert(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Insert rows, by table, in one transaction."""
        async with self._engine.begin() as connection:
            for table, values in rows.items():
                if values:
                    names = ", ".join(values[0])
                    marks = ", ".join(f":{name}" for name in values[0])
                    statement = text(f"INSERT INTO {table} ({names}) VALUES ({marks})")
                    await connection.execute(statement, [dict(one) for one in values])

    async def change(self, statement: str, **values: Any) -> int:
        """Run a statement with bound values; return the number of rows that it changed."""
        async with self._engine.begin() as connection:
            result = await connection.execute(text(statement), values)
            return int(result.rowcount)
