"""antar backup, restore: the whole database into a file, and back into an empty place."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated

import typer

from engine.database.database import Database
from engine.errors import AntarError
from engine.maintenance.backup import back_up
from engine.maintenance.restore import mark_restored, restore
from engine.settings import Settings, from_environment


def register(app: typer.Typer) -> None:
    app.command("backup")(take)
    app.command("restore")(bring_back)


def take(
    file: Annotated[Path, typer.Argument(help="Where the backup goes; replaced once the new one is whole.")],
) -> None:
    """Copy the database into FILE while everything goes on. The secret key is not in it."""
    settings = from_environment()

    async def run() -> int:
        database = Database(settings.database_url)
        try:
            return await back_up(settings, database, file)
        finally:
            await database.close()

    size = asyncio.run(run())
    typer.echo(f"{file}: {size:,} bytes. It holds patient data: keep it like the database itself.")
    typer.echo(
        f"Keep ANTAR_SECRET_KEY ({fingerprint(settings)}) apart from it: without it no credential can be opened."
    )


def bring_back(
    file: Annotated[Path | None, typer.Argument(help="What `antar backup` made.")] = None,
    only_mark: Annotated[bool, typer.Option(help="The database came back by other means.")] = False,
) -> None:
    """Bring FILE back into an empty database; what may have been sent since is looked for before it is sent again."""
    settings = from_environment()
    if (file is None) != only_mark:
        raise AntarError("name the file, or say --only-mark")
    done = asyncio.run(mark_restored(settings) if file is None else restore(settings, file))
    typer.echo(f"{done.deliveries:,} deliveries, of which {done.in_doubt:,} are looked for before they are sent again")
    typer.echo("Let the clinic's system hand in again what it has handed in since the backup was taken.")
    for name in done.sealed:
        typer.echo(
            f"{name}: not to be opened with this ANTAR_SECRET_KEY; append the old key or enter it again", err=True
        )


def fingerprint(settings: Settings) -> str:
    """Return a fingerprint, which tells keys apart without revealing them."""
    return f"fingerprint {hashlib.sha256(settings.secret_keys[0].encode()).hexdigest()[:8]}"
