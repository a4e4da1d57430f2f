"""antar mapping: what items are mapped to, out into a table and back in."""

from __future__ import annotations

import asyncio
import csv
import getpass
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import AntarError, NotFound
from engine.facilities import by_code
from engine.hub import Hub
from engine.mapping import transfer
from engine.mapping.confirm import confirm
from engine.mapping.spec import MappingSpec
from engine.mapping.transfer import Line, State
from engine.settings import Settings, from_environment

mapping = typer.Typer(help="What the clinic's items are mapped to.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(mapping, name="mapping")


@mapping.command("export")
def export_(
    name: Annotated[str, typer.Argument(help="The mapping, as the configuration calls it.")],
    facility: Annotated[str | None, typer.Option(help="Code of the clinic; the first if left out.")] = None,
) -> None:
    """Print all items as CSV; those without a code come first."""
    rows = asyncio.run(_export(from_environment(), name, facility))
    csv.writer(sys.stdout).writerows([transfer.COLUMNS, *rows])


@mapping.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="The mapping, as the configuration calls it.")],
    file: Annotated[Path, typer.Argument(help="CSV with the columns key and code; the others are not read.")],
    facility: Annotated[str | None, typer.Option(help="Code of the clinic; the first if left out.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what each line would do.")] = False,
) -> None:
    """Confirm the codes of a table. Lines with a fault or a conflict are told and left out."""
    lines = asyncio.run(_import(from_environment(), name, file, facility, dry_run))
    left_out = [line for line in lines if line.state in (State.INVALID, State.CONFLICT)]
    for line in left_out:
        typer.echo(f"line {line.number}: {line.key} -> {line.code}: {line.fault or line.state}", err=True)
    counted = {state: sum(line.state is state for line in lines) for state in State}
    typer.echo(", ".join(f"{count} {state}" for state, count in counted.items() if count) or "no line has a code")
    if left_out:
        raise typer.Exit(1)


async def _export(settings: Settings, name: str, code: str | None) -> list[list[str]]:
    hub = await Hub.open(settings)
    try:
        facility = await by_code(hub.database, code)
        return await transfer.export(hub.database, _mapping(hub, name), facility.id)
    finally:
        await hub.close()


async def _import(settings: Settings, name: str, file: Path, code: str | None, dry_run: bool) -> list[Line]:
    hub = await Hub.open(settings)
    try:
        facility = await by_code(hub.database, code)
        return await import_table(hub, name, facility.id, file, f"cli:{getpass.getuser()}", dry_run)
    finally:
        await hub.close()


async def import_table(
    hub: Hub, name: str, facility_id: int, file: Path, actor: str, dry_run: bool = False
) -> list[Line]:
    """Confirm what a table says, and what became of each line."""
    chosen = _mapping(hub, name)
    lines = await transfer.preview(hub.database, chosen, facility_id, read_table(file))
    choices = [line.choice for line in lines if line.choice and line.state in (State.NEW, State.CHANGED)]
    if choices and not dry_run:
        await confirm(hub.database, chosen, facility_id, choices, actor)
    return lines


def read_table(file: Path) -> list[dict[str, str]]:
    """The lines of a CSV file by their headings. Raises AntarError."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AntarError(f"{file}: {error}") from error
    table = csv.DictReader(lines)
    absent = _absent(table.fieldnames or ())
    if absent:
        raise AntarError(f"{file}:1: the column {absent!r} is missing; the first line names key and code")
    return list(table)


def _absent(names: Iterable[str]) -> str | None:
    given = set(names)
    return next((name for name in (transfer.KEY, transfer.CODE) if name not in given), None)


def _mapping(hub: Hub, name: str) -> MappingSpec:
    found = hub.catalog.mappings.get(name)
    if found is None:
        raise NotFound(f"no mapping {name!r}; known: {', '.join(hub.catalog.mappings) or 'none'}")
    return found
