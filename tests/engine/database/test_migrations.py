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
