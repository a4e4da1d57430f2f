"""Command line `antar`: the subcommands of admin.commands under one name."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from admin.commands import (
    backup,
    clinics,
    configuration,
    demo,
    demo_his,
    mappings,
    pauses,
    people,
    processes,
    records,
    sources,
)
from admin.text.words import english
from engine.database.database import unreachable_reason
from engine.errors import AntarError
from engine.source.faults import ConfigFaults

PACKAGE = "antar-hub"


def make_app() -> typer.Typer:
    """Return the command `antar` with its subcommands."""
    app = typer.Typer(
        name="antar",
        help="Antar: delivers a clinic's records to SatuSehat and BPJS and keeps the account of them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(options)
    for module in (configuration, processes, records, backup, demo, demo_his):
        module.register(app)
    clinics.register(app)
    people.register(app)
    mappings.register(app)
    pauses.register(app)
    sources.register(app)
    return app


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"antar {installed_version()}")
        raise typer.Exit


def installed_version() -> str:
    """Return the version from the package's metadata, which a checkout that was never installed does not have."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown (not installed as a package)"


def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a subcommand."""


def main() -> None:
    """Run a command; an error that the person can correct is one line and exit code 1, without a traceback."""
    try:
        make_app()()
    except ConfigFaults as faults:
        print(faults, file=sys.stderr)
        sys.exit(1)
    except AntarError as error:
        print(f"antar: {english(str(error))}", file=sys.stderr)
        sys.exit(1)
    except (DBAPIError, OSError) as error:
        if not (reason := unreachable_reason(error)):
            raise
        print(f"antar: no way to the database of ANTAR_DATABASE_URL: {reason}", file=sys.stderr)
        sys.exit(1)
