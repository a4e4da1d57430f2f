"""Counts the rows that each executed statement reads, on both databases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from engine.database.postgresql import AsyncpgDriver, numbered
from engine.database.statements import Statement

STEP = 100
"""Instructions of SQLite's machine between two looks; it takes several for each row."""
INSTRUCTIONS_PER_ROW = 4
LOOKS = 20
"""Executions of one statement that are looked at."""
STATEMENTS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")
EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE looked_at"
MODES = ("force_custom_plan", "force_generic_plan")
"""How PostgreSQL plans a prepared statement at first, and how it may from the sixth time on."""
PLANNING = 10.0
"""What it adds to the cost of a plan that is made anew each time."""


@dataclass
class StatementReads:
    """Maximum that each statement has read at once: rows (SQLite: a lower bound), with the plan."""

    rows: Counter[str] = field(default_factory=Counter)
    plans: dict[str, str] = field(default_factory=dict)
    _looks: Counter[str] = field(default_factory=Counter)
    _busy: set[int] = field(default_factory=set)
    _running: dict[int, tuple[str, int]] = field(default_factory=dict)

    def over(self, limit: int) -> str:
        """Return the statements that read more rows, with their plans."""
        return "\n".join(
            f"{n} rows by {self.plans[statement]}\n  {' '.join(statement.split())}"
            for statement, n in self.rows.items()
            if n > limit
        )

    def note(self, statement: str, rows: int, plan: str) -> None:
        if rows >= self.rows[statement]:
            self.rows[statement], self.plans[statement] = rows, plan

    def before(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        """Called by SQLAlchemy before each statement."""
        place = id(connection.connection.dbapi_connection)
        words = statement.split(maxsplit=1)[0] if statement.strip() else ""
        if place in self._busy or words not in STATEMENTS:
            return
        self._looks[statement] += 1
        if self._looks[statement] > LOOKS:
            return
        first = (list(parameters) or [()])[0] if executemany else parameters
        self._busy.add(place)
        try:
            if connection.dialect.name == "sqlite":
                self._count(connection, statement, first)
            else:
                self._judge(statement, *(self._explain(connection, statement, first, mode) for mode in MODES))
        finally:
            self._busy.discard(place)

    def _count(self, connection: Connection, statement: str, parameters: Any) -> None:
        """Let the connection count its instructions until its next statement."""
        raw: Any = connection.connection.dbapi_connection
        plan = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        words = "; ".join(str(row[3]) for row in plan)
        steps = 0

        def tick() -> int:
            nonlocal steps
            steps += 1
            self.note(statement, steps * STEP // INSTRUCTIONS_PER_ROW, words)
            return 0

        self.note(statement, 0, words)
        raw.set_progress_handler(tick, STEP)

    def _judge(self, statement: str, custom: dict[str, Any] | None, generic: dict[str, Any] | None) -> None:
        """Record the rows that the plans have read; the generic plan if PostgreSQL would choose it as cheaper."""
        for plan in (custom, generic):
            if plan is not None and custom is not None and plan["Total Cost"] <= custom["Total Cost"] + PLANNING:
                for node in _nodes(plan):
                    self.note(statement, _read(node), _words(node))

    def _explain(self, connection: Connection, statement: str, parameters: Any, mode: str) -> dict[str, Any] | None:
        """Run the statement again in a savepoint that is rolled back; None if it cannot run twice."""
        values = ", ".join(map(_literal, parameters))
        run = connection.exec_driver_sql
        run(f"PREPARE looked_at AS {statement}")
        run("SAVEPOINT look")
        run(f"SET LOCAL plan_cache_mode = {mode}")
        try:
            [(plans,)] = run(f"{EXPLAIN}({values})" if values else EXPLAIN).all()
        except DBAPIError:  # so will the statement itself: a key that is there already
            plans = [{"Plan": None}]
        run("ROLLBACK TO SAVEPOINT look")
        run("DEALLOCATE looked_at")
        plan: dict[str, Any] | None = plans[0]["Plan"]
        return plan

    async def before_asyncpg(self, connection: Any, statement: str, values: Sequence[Any]) -> None:
        """Look at a statement that asyncpg is about to run."""
        self._looks[statement] += 1
        if self._looks[statement] <= LOOKS and statement.split(maxsplit=1)[0] in STATEMENTS:
            plans = [await self._explain_asyncpg(connection, statement, values, mode) for mode in MODES]
            self._judge(statement, *plans)

    async def _explain_asyncpg(
        self, connection: Any, statement: str, values: Sequence[Any], mode: str
    ) -> dict[str, Any] | None:
        """Run the statement in a transaction that is rolled back; None if it cannot run twice."""
        await connection.execute(f"PREPARE looked_at AS {statement}")
        look = connection.transaction()
        await look.start()
        try:
            await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
            literals = ", ".join(map(_literal, values))
            plans = await connection.fetchval(f"{EXPLAIN}({literals})" if literals else EXPLAIN)
        except asyncpg.PostgresError:  # so will the statement itself: a key that is there already
            return None
        finally:
            await look.rollback()
            await connection.execute("DEALLOCATE looked_at")
        plan: dict[str, Any] | None = json.loads(plans)[0]["Plan"]
        return plan


@contextmanager
def reading() -> Iterator[StatementReads]:
    """Watch all statements of all databases opened meanwhile."""
    seen = StatementReads()
    fetch, execute = AsyncpgDriver.fetch, AsyncpgDriver.execute

    async def watched(driver: Any, run: Any, statement: Statement[Any], parameters: Any) -> Any:
        sql, names = numbered(statement)
        first = parameters if isinstance(parameters, Mapping) else parameters[0]
        bound = statement.bound(first) if isinstance(parameters, Mapping) else first
        await seen.before_asyncpg(driver._connection, sql, [bound[name] for name in names])
        return await run(driver, statement, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AsyncpgDriver, "fetch", lambda self, *args: watched(self, fetch, *args))
        patch.setattr(AsyncpgDriver, "execute", lambda self, *args: watched(self, execute, *args))
        event.listen(Engine, "before_cursor_execute", seen.before)
        try:
            yield seen
        finally:
            event.remove(Engine, "before_cursor_execute", seen.before)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _read(node: dict[str, Any]) -> int:
    """Return the rows of a table that a step has read, including those that it discarded."""
    if "Relation Name" not in node and "Index Name" not in node:
        return 0
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def _words(node: dict[str, Any]) -> str:
    names = ("Node Type", "Relation Name", "Index Name", "Index Cond", "Filter")
    return ", ".join(str(node[name]) for name in names if name in node)


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool() | int() | float():
            return str(value).lower()
        case bytes():
            return f"'\\x{value.hex()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"
