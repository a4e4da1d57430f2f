"""The command line `antar`."""

from __future__ import annotations

import sys

import typer
from sqlalchemy.exc import DBAPIError

from admin.commands import backup, configuration, demo, mappings, people, processes, records
from engine.database.database import no_way_to_it
from engine.errors import AntarError
from engine.source.faults import ConfigFaults


def make_app() -> typer.Typer:
    """All commands under one name."""
    app = typer.Typer(
        name="antar",
        help="Antar: delivers a clinic's records to SatuSehat and BPJS and keeps the account of them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for module in (configuration, processes, records, backup, demo):
        module.register(app)
    people.register(app)
    mappings.register(app)
    return app


def main() -> None:
    """Run; a mendable error is one readable line and exit code 1, without a traceback."""
    try:
        make_app()()
    except ConfigFaults as faults:
        print(faults, file=sys.stderr)
        sys.exit(1)
    except AntarError as error:
        print(f"antar: {error}", file=sys.stderr)
        sys.exit(1)
    except (DBAPIError, OSError) as error:
        if not (told := no_way_to_it(error)):
            raise
        print(f"antar: no way to the database of ANTAR_DATABASE_URL: {told}", file=sys.stderr)
        sys.exit(1)
