"""Migrations: they produce the tables of the models, and keep existing rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from engine.database.database import Database
from engine.database.tables import Base
from engine.outbox import counters
from engine.settings import ROOT

pytestmark = pytest.mark.anyio

USER = "INSERT INTO users (name, password_hash, role, session_version, created_at, disabled) VALUES ({})"


def alembic(connection: Connection) -> Config:
    config = Config(toml_file=str(ROOT / "pyproject.toml"))
    config.attributes["connection"] = connection
    return config


async def test_a_migrated_database_is_what_the_models_say(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert await database.on_connection(differences) == []


async def test_people_of_the_first_version_keep_their_roles(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "0001"))
    user = USER.format("'sari', 'x', 'superadmin', 1, 0, false")
    await database.on_connection(lambda connection: connection.execute(text(user)))
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "head"))
    assert await database.fetch(text("SELECT name, role, facility_id FROM users")) == [("sari", "superadmin", None)]
    await database.on_connection(lambda connection: command.downgrade(alembic(connection), "0001"))
    assert await database.fetch(text("SELECT name, role FROM users")) == [("sari", "superadmin")]
    await database.close()


async def test_whoever_manages_may_see_raw_data_after_the_upgrade(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "0019"))
    roles = "INSERT INTO roles (name, label, permissions) VALUES ('a', 'A', '[\"manage\"]'), ('b', 'B', '[\"map\"]')"
    await database.on_connection(lambda connection: connection.execute(text(roles)))
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "head"))
    rows = await database.fetch(text("SELECT name, permissions FROM roles WHERE name IN ('a', 'b', 'superadmin')"))
    assert {row.name: "raw" in row.permissions for row in rows} == {"a": True, "b": False, "superadmin": True}
    await database.close()


async def test_whoever_opens_the_panel_may_verify_identities_after_the_upgrade(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "0027"))
    roles = (
        "INSERT INTO roles (name, label, permissions) VALUES ('a', 'A', '[\"satusehat\"]'), ('b', 'B', '[\"manage\"]')"
    )
    await database.on_connection(lambda connection: connection.execute(text(roles)))
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "head"))
    rows = await database.fetch(text("SELECT name, permissions FROM roles WHERE name IN ('a', 'b', 'admin')"))
    assert {row.name: "identify" in row.permissions for row in rows} == {"a": True, "b": False, "admin": True}
    await database.close()


async def test_whoever_manages_may_set_up_sources_after_the_upgrade(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "0032"))
    roles = "INSERT INTO roles (name, label, permissions) VALUES ('a', 'A', '[\"manage\"]'), ('b', 'B', '[\"map\"]')"
    await database.on_connection(lambda connection: connection.execute(text(roles)))
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "head"))
    rows = await database.fetch(text("SELECT name, permissions FROM roles WHERE name IN ('a', 'b', 'superadmin')"))
    assert {row.name: "sources" in row.permissions for row in rows} == {"a": True, "b": False, "superadmin": True}
    await database.close()


OLD_DELIVERY = """
INSERT INTO deliveries (id, facility_id, spec, upstream, key, date, record, record_hash, version, status, in_doubt,
  lane, tries, deaths, trigger, created_at, changed_at, settled_at)
VALUES ({id}, 1, 'Visit', 'ministry', 'V{id}', '2026-03-10', '{{}}', '-', 1, '{status}', false, 0, 0, 0, 'auto', 1, 1,
  {at})
"""
OLD_ATTEMPT = """
INSERT INTO attempts (delivery_id, facility_id, at, milliseconds, operation, trigger, spec_hash, version, verdict,
  message)
VALUES (1, 1, 7200001, {milliseconds}, '{operation}', 'auto', '', 1, '{verdict}', '')
"""


async def test_hours_are_filled_from_what_was_settled_before(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "0019"))
    columns = "id, code, name, time_zone, organization_id, created_at"
    facility = f"INSERT INTO facilities ({columns}) VALUES (1, 'K', 'K', 'Asia/Jakarta', '', 0)"
    settled = [("sent", 7_200_000), ("sent", 7_200_001), ("failed", 3_600_000), ("blocked", 1), ("queued", "NULL")]
    statements = [
        facility,
        *(OLD_DELIVERY.format(id=n, status=status, at=at) for n, (status, at) in enumerate(settled, 1)),
        OLD_ATTEMPT.format(milliseconds=1500, operation="create", verdict="accepted"),
        OLD_ATTEMPT.format(milliseconds=30_000, operation="find", verdict="unsure"),
        OLD_ATTEMPT.format(milliseconds=0, operation="check", verdict="rejected"),
    ]
    for statement in statements:
        await database.on_connection(lambda connection, sql=statement: connection.execute(text(sql)))
    await database.on_connection(lambda connection: command.upgrade(alembic(connection), "0021"))
    counts = "SELECT hour, spec, outcome, n FROM hourly_counts ORDER BY hour"
    assert await database.fetch(text(counts)) == [
        (0, "Visit", "held", 1),
        (1, "Visit", "refused", 1),
        (2, "Visit", "sent", 2),
    ]
    requests = "SELECT hour, upstream, n, milliseconds, slow, failed FROM hourly_requests"
    assert await database.fetch(text(requests)) == [(2, "ministry", 2, 1500, 1, 1)]
    await database.close()


HELD_DELIVERY = """
INSERT INTO deliveries (id, facility_id, spec, upstream, key, date, record, record_hash, version, status, in_doubt,
  lane, tries, deaths, trigger, created_at, changed_at, claimed_from, lease_id, body)
VALUES ({id}, 1, 'Visit', 'ministry', 'V{id}', '2026-03-10', '{{}}', '-', {id}, 'sending', false, 0, 0, 0, 'auto', 1,
  7, '{before}', {lease}, {body})
"""
LEASE = "INSERT INTO leases (id, worker, until, begun, upstream, facility_id) VALUES (70, 'w', 5, true, 'ministry', 1)"


async def test_what_is_being_sent_moves_into_its_lease_and_back(database: Database) -> None:
    async def to(revision: str, change: Any = command.upgrade) -> None:
        await database.on_connection(lambda connection: change(alembic(connection), revision))

    await to("0025", command.downgrade)
    columns = "id, code, name, time_zone, organization_id, created_at"
    for statement in (
        f"INSERT INTO facilities ({columns}) VALUES (1, 'K', 'K', 'Asia/Jakarta', '', 0)",
        LEASE,
        HELD_DELIVERY.format(id=1, before="queued", lease=70, body="NULL"),
        HELD_DELIVERY.format(id=2, before="unsure", lease=70, body="'{}'"),
        HELD_DELIVERY.format(id=3, before="retrying", lease=71, body="NULL"),
        "INSERT INTO counters (facility_id, date, spec, status, n) VALUES (1, '2026-03-10', 'Visit', 'sending', 3)",
        "INSERT INTO totals (facility_id, spec, status, n) VALUES (1, 'Visit', 'sending', 3)",
    ):
        await database.on_connection(lambda connection, sql=statement: connection.execute(text(sql)))
    await to("head")
    held = "SELECT lease_id, delivery_id, content FROM held_deliveries ORDER BY delivery_id"
    assert await database.fetch(text(held)) == [(70, 1, 1), (70, 2, -2), (71, 3, 3)]
    assert await database.fetch(text("SELECT status, due_at FROM deliveries ORDER BY id")) == [
        ("queued", 7),
        ("unsure", 7),
        ("retrying", 7),
    ]
    assert await counters.kept(database) == await counters.recount(database)
    assert (await counters.read(database, 1))["Visit"]["sending"] == 3
    await to("0025", command.downgrade)
    assert await database.fetch(text("SELECT status, lease_id FROM deliveries ORDER BY id")) == [
        ("sending", 70),
        ("sending", 70),
        ("sending", 71),
    ]
    assert {row.status: row.n for row in await database.fetch(text("SELECT status, n FROM totals")) if row.n} == {
        "sending": 3
    }
    await to("head")
