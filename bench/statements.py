"""Counts the statements that this process sends to its databases, at the drivers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from sqlalchemy import Engine, event

from engine.database.postgresql import AsyncpgDriver

StatementCount = Counter[str]  # statements by text; one that is executed for many rows counts once
METHODS = ("fetch", "execute", "insert")  # of the driver beneath a transaction on PostgreSQL


@contextmanager
def counted() -> Iterator[StatementCount]:
    """Count the statements of all databases until the block ends."""
    counts: StatementCount = Counter()

    def note(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        counts[sql] += 1

    plain = {name: getattr(AsyncpgDriver, name) for name in METHODS}
    for name, method in plain.items():
        setattr(AsyncpgDriver, name, _noting(counts, method))
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield counts
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        for name, method in plain.items():
            setattr(AsyncpgDriver, name, method)


def _noting(counts: StatementCount, method: Any) -> Any:
    @wraps(method)
    async def run(self: AsyncpgDriver, statement: Any, *more: Any, **named: Any) -> Any:
        counts[statement if isinstance(statement, str) else statement.sql(AsyncpgDriver.dialect)] += 1
        return await method(self, statement, *more, **named)

    return run
