"""Folder of the demo's data: its database and the secret key to it."""

from __future__ import annotations

from pathlib import Path

import typer

from engine.facilities.vault import new_key
from engine.private_files import ensure_private, make_private_folder

KEY_FILE = "secret.key"
GO_ON = ".venv/bin/antar demo --no-fresh"  # command that keeps the data of the last demo


def kept_key(folder: Path, fresh: bool) -> str:
    """Return the secret key of the last demo if this one goes on with its data, otherwise a new one."""
    key_file = folder / KEY_FILE
    return new_key() if fresh or not key_file.exists() else key_file.read_text()


def prepare_folder(folder: Path, key: str, fresh: bool, go_on: str = GO_ON) -> None:
    """Make the folder of the demo's data; a fresh demo removes that of the last one.

    `go_on` is the command that would have kept it, empty if there is none.
    """
    make_private_folder(folder)
    old = sorted(folder.glob("antar.sqlite3*")) if fresh else []
    if old:
        hint = f"; `{go_on}` would have gone on with it" if go_on else ""
        typer.echo(f"  The data of the last demo is replaced{hint}.")
    for file in old:
        file.unlink()
    ensure_private(folder / KEY_FILE)
    (folder / KEY_FILE).write_text(key)
