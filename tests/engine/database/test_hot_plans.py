"""Plans of every statement that workers, sweeps and intake run: none reads what a clinic has sent before.

The statements are those that the modules of these rooms register, so that a new one is covered by itself. PostgreSQL is
asked for the plan that it keeps for a prepared statement, with statistics that are 20,000 deliveries old.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

import engine
from engine.database.database import Database
from engine.database.statements import STATEMENTS, Statement
from tests.engine.database import test_plans
from tests.engine.database.test_plans import full_hub
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

database_url = test_plans.database_url  # a database with statistics of its own
__all__ = ["database_url", "full_hub"]

ROOMS = (
    "engine.outbox",
    "engine.sending",
    "engine.limits",
    "engine.intake",
    "engine.facilities",
    "engine.code_lists",
    "engine.alerts",
    "engine.jobs.runner",
    "engine.inbound.forwarding",
    "engine.mapping.confirmed_codes",
    "engine.maintenance.clock_watch",
    "engine.maintenance.list_indexing",
    "engine.maintenance.visit_review",
    "engine.visits",
    "engine.due_times",
    "engine.health",
    "engine.worker",
)
# May read everything: a recount and a restore, which a person or a test runs, the correction of a wrong clock, the move
# of what is due at an upstream that left the configuration, and indexing all again after columns or use cases changed.
RARE = (
    "engine.outbox.counters:_RECOUNT",
    "engine.outbox.counters:_KEPT",
    "engine.outbox.doubt:_PUT_IN_DOUBT",
    "engine.due_times:_HEAL",
    "engine.outbox.reroute:_STRANDED",
    "engine.maintenance.list_indexing:_QUEUE_ALL",
    "engine.maintenance.visit_review:_REVIEW_AGAIN",
)
GROWING = {"deliveries", "attempts", "visits", "visit_deliveries", "delivery_values", "patients", "patient_numbers"}
# Partial indexes with no row for what was sent.
SMALL_INDEXES = {
    "ix_visits_changed",
    "ix_deliveries_due",
    "ix_deliveries_lease_id",
    "ix_deliveries_cause",
    "ix_deliveries_code",
}
# Columns of which one value has few rows, however much was sent.
SELECTIVE = {"id", "key", "reference", "patient_norm", "sequence", "job_id", "delivery_id", "visit_id", "rowid"}


class Scan(NamedTuple):
    """A step of a plan that reads a table, and the columns that it looks up in an index."""

    table: str
    index: str
    columns: frozenset[str]


for module in pkgutil.walk_packages(engine.__path__, "engine."):
    importlib.import_module(module.name)


def hot_statements(dialect: str) -> Iterator[Statement[Any]]:
    """Yield the statements of the rooms for that database."""
    rare = {id(statement) for place in RARE for statement in _declared(*place.split(":"))}
    for statement in STATEMENTS:
        room = statement.place.startswith(tuple(f"{room}{end}" for room in ROOMS for end in ".:"))
        has_plan = not statement.sql(dialect).startswith("ANALYZE")
        if room and has_plan and dialect in statement.dialects and id(statement) not in rare:
            yield statement


def _declared(module: str, name: str) -> Collection[Statement[Any]]:
    declared = getattr(importlib.import_module(module), name)
    return declared.values() if isinstance(declared, dict) else (declared,)


async def test_no_hot_statement_has_a_plan_that_grows(full_hub: SmallHub) -> None:
    database: Database = full_hub.hub.database
    scans = _scans_of_sqlite if database.dialect == "sqlite" else _scans_of_postgresql
    statements = list(hot_statements(database.dialect))
    problems = []
    for statement in statements:
        for table, index, columns in await database.on_connection(partial(scans, statement)):
            if table in GROWING and index not in SMALL_INDEXES and not columns & SELECTIVE:
                problems.append(f"{statement.place}: {table} by {index or 'reading all'} {sorted(columns)}")
    assert len(statements) > 100
    assert problems == [], "\n".join(problems)


def _scans_of_sqlite(statement: Statement[Any], connection: Connection) -> list[Scan]:
    sql = text(statement.sql("sqlite"))
    aliases = _aliases(str(sql))
    scans = []
    for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"), dict.fromkeys(sql.compile().params)):
        if match := re.match(r"(?:SCAN|SEARCH) (\w+)(?:.* INDEX (\w+))?(?:.*?\((.*)\))?", row.detail):
            table, index, columns = match.groups()
            looked_up = frozenset(re.findall(r"(\w+)\s*[<>=]", columns or ""))
            scans.append(Scan(aliases.get(table, table), index or "", looked_up))
    return scans


def _aliases(sql: str) -> dict[str, str]:
    """Return alias -> growing table."""
    return {alias: table for table, alias in re.findall(rf"\b({'|'.join(GROWING)}) AS (\w+)", sql)}


def _scans_of_postgresql(statement: Statement[Any], connection: Connection) -> list[Scan]:
    """Return the scans of the generic plan."""
    sql = str(statement.executable("postgresql").compile(dialect=PGDialect_asyncpg()))
    count = len(set(re.findall(r"\$\d+", sql)))
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    connection.exec_driver_sql(f"PREPARE hot AS {sql}")
    [(plans,)] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE hot{values}").all()
    connection.exec_driver_sql("DEALLOCATE hot")
    scans = []
    for node in _nodes(plans[0]["Plan"]):
        table, index = node.get("Relation Name", ""), node.get("Index Name", "")
        if node["Node Type"] == "Bitmap Index Scan":  # names no table; only deliveries and attempts matter
            table = next((name for name in GROWING if name in index), "")
        if "Scan" in node["Node Type"] and node["Node Type"] != "Bitmap Heap Scan":
            condition = re.sub(r"\((\w+)\)::[a-z ]+", r"\1 ", node.get("Index Cond", ""))  # (key)::text = ...
            looked_up = frozenset(re.findall(r"(\w+) +(?:=|<|>|<=|>=) ", condition))
            scans.append(Scan(table, index, looked_up))
    return scans


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)
