"""Takes a backup while everything goes on: one moment of the database, whole."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from sqlalchemy import make_url, text

from engine.database.database import Database
from engine.database.migrate import head
from engine.errors import AntarError
from engine.maintenance import pg_tools
from engine.private_files import create_private
from engine.settings import Settings


async def back_up(settings: Settings, database: Database, file: Path) -> int:
    """Write the file, readable to its owner alone, and return its bytes; raises AntarError. What stands there stays
    until the new one is whole."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        create_private(part)
        await _note(database)
        await _copy(settings, part)
        part.replace(file)
    except (OSError, sqlite3.Error) as error:
        raise AntarError(f"the backup cannot be written to {file}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size  # noqa: ASYNC240 - the command line does nothing else meanwhile


async def _note(database: Database) -> None:
    """Before the copy, so that the copy has it too; an older program's database, about to be migrated, has no place."""
    if [row[0] for row in await database.fetch(text("SELECT version_num FROM alembic_version"))] != [head()]:
        return
    noted = text("UPDATE installation SET backed_up_at = :now")
    await database.write(lambda connection: connection.execute(noted, {"now": database.clock()}))


async def _copy(settings: Settings, part: Path) -> None:
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        await asyncio.to_thread(copy, Path(url.database or ""), part)
    else:
        await pg_tools.run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")


def copy(source: Path, target: Path) -> None:
    """SQLite's own copy of a database in use: in one step, or whoever writes meanwhile would make it begin anew."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as there, sqlite3.connect(target) as here:
        there.backup(here, pages=-1)
        here.execute("PRAGMA journal_mode=DELETE")
        faults = [row[0] for row in here.execute("PRAGMA quick_check")]
    there.close()
    here.close()
    if faults != ["ok"]:
        raise sqlite3.DatabaseError(f"the copy is not sound: {faults[0]}")
