"""antar submit, resend: commands that hand in records and resend deliveries."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from admin.text.words import english
from engine.errors import AntarError
from engine.facilities.facilities import by_code
from engine.hub import Hub
from engine.intake.intake import Accepted, Refused
from engine.outbox.resend import ActionResult
from engine.outbox.resend import resend as make_due
from engine.settings import Settings, from_environment

BATCH_RECORDS = 500


def register(app: typer.Typer) -> None:
    app.command()(submit)
    app.command()(resend)


def submit(
    spec: Annotated[str, typer.Argument(help="The record type.")],
    file: Annotated[Path, typer.Argument(help="A JSON object, a JSON array or NDJSON.")],
    facility: Annotated[str | None, typer.Option(help="Code of the clinic; the first if left out.")] = None,
) -> None:
    """Hand in records from a file. Run it again after mending: what is stored already counts as unchanged."""
    refused = asyncio.run(_submit(from_environment(), spec, read_records(file), facility))
    if refused:
        raise typer.Exit(1)


def read_records(path: Path) -> list[Any]:
    """Return the records of a file; raise AntarError with the line of a fault."""
    text = path.read_bytes()
    try:
        if path.suffix in {".ndjson", ".jsonl"}:
            return [orjson.loads(line) for line in text.splitlines() if line.strip()]
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AntarError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error
    return value if isinstance(value, list) else [value]


async def _submit(settings: Settings, spec: str, records: list[Any], code: str | None) -> int:
    hub = await Hub.open(settings)
    refused = 0
    try:
        facility = await by_code(hub.database, code)
        for start in range(0, len(records), BATCH_RECORDS):
            for result in await hub.intake.hand_in(facility, spec, records[start : start + BATCH_RECORDS]):
                refused += _report(result, start)
    finally:
        await hub.close()
    typer.echo(f"{len(records)} records, {refused} refused")
    return refused


def _report(result: Accepted | Refused, start: int) -> int:
    if isinstance(result, Accepted):
        for warning in result.warnings:
            typer.echo(f"record {start + result.index + 1}: warning: {english(warning)}", err=True)
        return 0
    for problem in result.problems:
        typer.echo(f"record {start + result.index + 1}: {problem.path}: {problem.message}", err=True)
    return 1


def resend(
    ids: Annotated[list[int], typer.Argument(help="Numbers of deliveries.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")] = "",
    force: Annotated[bool, typer.Option(help="Also what was sent already.")] = False,
    facility: Annotated[str | None, typer.Option(help="Code of the clinic; the first if left out.")] = None,
) -> None:
    """Make deliveries due again. What may have arrived is looked for first."""
    if force and not reason:
        raise AntarError("--force needs a --reason")
    outcomes = asyncio.run(_resend(from_environment(), ids, reason, force, facility))
    for id_, outcome in outcomes.items():
        typer.echo(f"{id_}: {_WORDS[outcome]}")


async def _resend(
    settings: Settings, ids: list[int], reason: str, force: bool, code: str | None
) -> dict[int, ActionResult]:
    hub = await Hub.open(settings)
    try:
        facility = await by_code(hub.database, code)
        actor = f"cli:{getpass.getuser()}"
        return await make_due(hub.database, facility.id, ids, actor, reason=reason, force=force)
    finally:
        await hub.close()


_WORDS = {
    ActionResult.DONE: "queued",
    ActionResult.ALREADY: "is due or on its way already",
    ActionResult.NEEDS_FORCE: "was sent; use --force with a --reason",
    ActionResult.MISSING: "no such delivery in this facility",
}
