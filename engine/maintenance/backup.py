"""Takes a consistent backup of the database while everything keeps running."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from sqlalchemy import make_url

from engine.database.database import Database
from engine.database.migrate import head
from engine.database.statements import Command, Statement
from engine.errors import AntarError
from engine.maintenance import pg_tools
from engine.private_files import create_private
from engine.settings import Settings


async def back_up(settings: Settings, database: Database, file: Path) -> int:
    """Write the backup file, readable by its owner only, and return its bytes; raises AntarError.

    An older file of that name stays until the new one is complete.
    """
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
    """Store the time of the backup, before the copy so that the copy has it too.

    The database of an older program, about to be migrated, may lack the column and is left as it is.
    """
    if await database.fetch(_VERSION) == [head()]:
        await database.execute(_NOTE, {"now": database.clock()})


_VERSION = Statement("SELECT version_num FROM alembic_version", str)
_NOTE = Command("UPDATE installation SET backed_up_at = :now")


async def _copy(settings: Settings, part: Path) -> None:
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        await asyncio.to_thread(copy, Path(url.database or ""), part)
    else:
        await pg_tools.run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={part}")


def copy(source: Path, target: Path) -> None:
    """Copy a SQLite database in use, in one step: with several steps any write would restart the copy."""
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as there, sqlite3.connect(target) as here:
        there.backup(here, pages=-1)
        here.execute("PRAGMA journal_mode=DELETE")
        faults = [row[0] for row in here.execute("PRAGMA quick_check")]
    there.close()
    here.close()
    if faults != ["ok"]:
        raise sqlite3.DatabaseError(f"the copy is not sound: {faults[0]}")
