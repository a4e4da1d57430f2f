"""Migrates the database to the newest schema; safe when several processes start at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect, text

from engine.database.database import Database
from engine.errors import AntarError, EnvironmentMismatch
from engine.settings import ROOT

ADVISORY_LOCK = 0x616E746172  # "antar": one migration at a time on PostgreSQL; SQLite has one writer anyway


async def migrate(database: Database, environment: str) -> None:
    """Upgrade to head and bind the database to the environment; raises EnvironmentMismatch if it has another one."""

    def run(connection: Connection) -> None:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        current = _current(connection)
        if current is not None and current > head():
            raise AntarError(f"the database is of a newer Antar ({current}, here {head()}); update this one first")
        if current != head():
            _upgrade(connection)
            connection.execute(text("ANALYZE"))
        _claim_environment(database, connection, environment)

    await database.on_connection(run)


def head() -> str:
    """Return the newest revision, read from the folder without Alembic (importing it costs half a second)."""
    return max(path.stem.split("_", 1)[0] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command

    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config(toml_file=str(ROOT / "pyproject.toml"))
    config.attributes["connection"] = connection
    return config


def _claim_environment(database: Database, connection: Connection, environment: str) -> None:
    connection.execute(
        text(
            "INSERT INTO installation (id, environment, created_at) VALUES (1, :environment, :now) "
            "ON CONFLICT DO NOTHING"
        ),
        {"environment": environment, "now": database.clock()},
    )
    stored = (connection.execute(text("SELECT environment FROM installation"))).scalar_one()
    if stored != environment:
        raise EnvironmentMismatch(
            f"this database belongs to the environment {stored!r}, not to {environment!r}; ids of one are worthless in "
            "the other. Set ANTAR_ENVIRONMENT accordingly or use another ANTAR_DATABASE_URL"
        )
