"""antar mapping: export and import of mappings as tables."""

from __future__ import annotations

import asyncio
import csv
import getpass
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import AntarError, NotFound
from engine.facilities.facilities import FacilityRow, by_code
from engine.hub import Hub
from engine.mapping import table
from engine.mapping.confirm import confirm
from engine.mapping.table import ImportRow, RowState
from engine.matching.parts import Compared
from engine.settings import Settings, from_environment
from engine.specs.mapping import MappingSpec

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
    csv.writer(sys.stdout).writerows([table.COLUMNS, *rows])


@mapping.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="The mapping, as the configuration calls it.")],
    file: Annotated[
        Path,
        typer.Argument(help="CSV with the columns key and code; source as antar source codes prints it."),
    ],
    facility: Annotated[str | None, typer.Option(help="Code of the clinic; the first if left out.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="Key of an item whose code is right although it differs; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what each line would do.")] = False,
) -> None:
    """Confirm the codes of a table. Lines with a fault, a conflict or a difference are printed and left out."""
    imported = asyncio.run(_import(from_environment(), name, file, facility, accept or (), dry_run))
    messages = [
        *_faults(imported.lines),
        *(_difference(imported.mapping, line, parts) for line, parts in imported.differing),
    ]
    for message in messages:
        typer.echo(message, err=True)
    left_out = {line.number for line, _ in imported.differing}
    states = [line.state for line in imported.lines if line.number not in left_out]
    counts = {state: states.count(state) for state in RowState}
    summary = [f"{count} {state}" for state, count in counts.items() if count]
    summary += [f"{len(left_out)} differing"] if left_out else []
    typer.echo(", ".join(summary) or "no line has a code")
    if messages:
        raise typer.Exit(1)


def _faults(lines: Iterable[ImportRow]) -> Iterator[str]:
    for line in lines:
        if line.state in (RowState.INVALID, RowState.CONFLICT):
            yield f"line {line.number}: {line.key} -> {line.code}: {line.fault or line.state}"


def _difference(mapping: MappingSpec, line: ImportRow, parts: Iterable[Compared]) -> str:
    differs = "; ".join(
        f"{mapping.label_of(part.part.name).en}: {part.ours} here, {part.theirs} for this code" for part in parts
    )
    return f"line {line.number}: {line.key} -> {line.code}: {differs} (--accept {line.key} if this is meant)"


async def _export(settings: Settings, name: str, code: str | None) -> list[list[str]]:
    hub = await Hub.open(settings)
    try:
        facility = await by_code(hub.database, code)
        return await table.export(hub.database, _mapping(hub, name), facility.id)
    finally:
        await hub.close()


async def _import(
    settings: Settings, name: str, file: Path, code: str | None, accepted: Collection[str], dry_run: bool
) -> Imported:
    hub = await Hub.open(settings)
    try:
        facility = await by_code(hub.database, code)
        return await import_table(hub, name, facility, file, f"cli:{getpass.getuser()}", accepted, dry_run)
    finally:
        await hub.close()


@dataclass(frozen=True, slots=True)
class Imported:
    """Lines of a table, and the lines that were left out because they differ, with the parts that differ."""

    mapping: MappingSpec
    lines: list[ImportRow]
    differing: list[tuple[ImportRow, tuple[Compared, ...]]]


async def import_table(
    hub: Hub,
    name: str,
    facility: FacilityRow,
    file: Path,
    actor: str,
    accepted: Collection[str] = (),
    dry_run: bool = False,
) -> Imported:
    """Confirm the codes of a table; lines that differ from their code only if their key is in `accepted`."""
    spec = _mapping(hub, name)
    lines = await table.preview(hub.database, spec, facility.id, read_table(file), hub.catalog.sources)
    changes = [(line, line.choice) for line in lines if line.choice and line.state in (RowState.NEW, RowState.CHANGED)]
    pairs = [(choice.item_id, choice.code) for _, choice in changes]
    vetoes = await hub.code_searches.differences(spec, facility, pairs) if pairs else {}
    differing = [
        (line, vetoes[choice.item_id, choice.code])
        for line, choice in changes
        if (choice.item_id, choice.code) in vetoes and line.key not in accepted
    ]
    left_out = {line.number for line, _ in differing}
    choices = [choice for line, choice in changes if line.number not in left_out]
    if choices and not dry_run:
        await confirm(hub.database, spec, facility.id, choices, actor)
    return Imported(spec, lines, differing)


def read_table(file: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file by their headings. Raise AntarError."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AntarError(f"{file}: {error}") from error
    lines_by_heading = csv.DictReader(lines)
    missing = _missing_column(lines_by_heading.fieldnames or ())
    if missing:
        raise AntarError(f"{file}:1: the column {missing!r} is missing; the first line names key and code")
    return list(lines_by_heading)


def _missing_column(names: Iterable[str]) -> str | None:
    columns = set(names)
    return next((name for name in (table.KEY, table.CODE) if name not in columns), None)


def _mapping(hub: Hub, name: str) -> MappingSpec:
    spec = hub.catalog.mappings.get(name)
    if spec is None:
        raise NotFound(f"no mapping {name!r}; known: {', '.join(hub.catalog.mappings) or 'none'}")
    return spec
