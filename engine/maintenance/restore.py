"""Restores a backup into an empty database; deliveries that may have been sent since the backup are put in doubt."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import make_url

from adapters.messages import message
from engine.database.audit import note
from engine.database.database import Database
from engine.database.migrate import head, migrate
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.errors import AntarError, VaultError
from engine.facilities.vault import Vault
from engine.maintenance import pg_tools
from engine.maintenance.backup import copy
from engine.outbox.doubt import put_in_doubt
from engine.private_files import ensure_private, make_private_folder
from engine.settings import Settings

EASTERNMOST = ZoneInfo("Asia/Jayapura")
LATE_RECORDS = timedelta(days=7)  # a record submitted after the backup may have a day this much earlier


@dataclass(frozen=True, slots=True)
class Restored:
    """Result of a restore: deliveries, how many of them are in doubt, and credentials that cannot be decrypted."""

    deliveries: int
    in_doubt: int
    sealed: tuple[str, ...]


async def restore(settings: Settings, file: Path) -> Restored:
    """Fill the empty database of the settings; raises AntarError."""
    if not file.is_file():  # noqa: ASYNC240 - the command line does nothing else meanwhile
        raise AntarError(f"there is no file {file}")
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        await asyncio.to_thread(_fill_sqlite, file, Path(url.database or ""))
    else:
        await _refuse_full(settings)
        whole = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        await pg_tools.run("pg_restore", url, *whole, f"--dbname={url.database}", str(file))
    return await mark_restored(settings)


async def mark_restored(settings: Settings) -> Restored:
    """Mark a restored database: deliveries that may have been sent since the backup are in doubt."""
    database = Database(settings.database_url)
    try:
        await migrate(database, settings.environment)
        await database.synchronise()
        total, doubtful = await database.write(_mark)
        await database.execute(_ANALYZE)  # a dump has no statistics, without which pages read whole tables
        return Restored(total, doubtful, await _sealed(database, Vault(settings.secret_keys)))
    finally:
        await database.close()


def _fill_sqlite(file: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size:
        raise AntarError(f"{target} is there already; move it away or set another ANTAR_DATABASE_URL")
    for suffix in ("-wal", "-shm"):  # left by a removed database; SQLite would apply them to this one
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as there:
            [(version,)] = there.execute("SELECT version_num FROM alembic_version")
        there.close()
    except (sqlite3.Error, ValueError) as error:
        raise AntarError(f"{file} is no backup of SQLite made by `antar backup`: {error}") from error
    if version > head():
        raise AntarError(f"{file} was made by a newer Antar ({version}, here {head()}); update this one first")
    make_private_folder(target.parent)
    ensure_private(target)
    copy(file, target)


async def _refuse_full(settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        tables = await database.fetch(_TABLES)
    finally:
        await database.close()
    if tables:
        raise AntarError("the database of ANTAR_DATABASE_URL is not empty; make another with createdb and name it")


async def _mark(tx: Transaction) -> tuple[int, int]:
    now = tx.now
    newest = await tx.first(_NEWEST)
    since = _day(now if newest is None else newest) - LATE_RECORDS
    await tx.execute(_NOTE, {"since": since.isoformat(), "until": _day(now).isoformat(), "now": now})
    await tx.execute(_FORGET_WORKERS)
    doubtful = await put_in_doubt(tx)
    [total] = await tx.rows(_TOTAL)
    await note(tx, now, "antar restore", "restore", reason=message("restore.in_doubt", n=doubtful))
    return total, doubtful


def _day(at: int) -> date:
    """Return the day of epoch milliseconds in the easternmost zone of Indonesia."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(EASTERNMOST).date()


async def _sealed(database: Database, vault: Vault) -> tuple[str, ...]:
    unreadable = []
    for name, upstream, sealed in await database.fetch(_CREDENTIALS):
        try:
            vault.open(sealed)
        except VaultError:
            unreadable.append(f"{name}: {upstream}")
    return tuple(unreadable)


class _Account(NamedTuple):
    """A clinic's credentials for one upstream."""

    code: str
    upstream: str
    sealed: bytes


_TABLES = Statement("SELECT 1 FROM pg_tables WHERE tablename = 'alembic_version'", int, only="postgresql")
_ANALYZE = Command("ANALYZE")
_NEWEST = Statement("SELECT created_at FROM deliveries ORDER BY id DESC LIMIT 1", int)
_NOTE = Command("UPDATE installation SET restored_at = :now, doubt_from = :since, doubt_until = :until")
_FORGET_WORKERS = Command("DELETE FROM workers")
# CAST, because the sum of a bigint is a numeric on PostgreSQL.
_TOTAL = Statement("SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM totals", int)
_CREDENTIALS = Statement(
    """
SELECT f.code, c.upstream, c.sealed FROM credentials AS c JOIN facilities AS f ON f.id = c.facility_id
ORDER BY f.id, c.upstream
""",
    _Account,
)
