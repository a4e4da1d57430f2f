"""antar check, show, render, new: commands about the configuration, which send nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from admin.text.words import english
from engine import config_tests
from engine.catalog.catalog import Catalog, load
from engine.catalog.describe import show as describe
from engine.catalog.reading.render import render as preview
from engine.catalog.scaffold import new_entry
from engine.catalog.use_case_page import use_case_page
from engine.errors import AntarError
from engine.settings import config_directory
from engine.source.faults import ConfigFaults

ConfigDir = Annotated[Path | None, typer.Option("--config", help="Configuration folder; else ANTAR_CONFIG_DIR.")]


def register(app: typer.Typer) -> None:
    for command in (check, show, render, new):
        app.command()(command)


def _catalog(config: Path | None) -> Catalog:
    return load(config or config_directory())


def check(config: ConfigDir = None) -> None:
    """Tell all faults of the configuration at once, as file:line:column: path: what is wrong; what would be right."""
    catalog = _catalog(config)
    if faults := config_tests.run(catalog, english):
        raise ConfigFaults(faults)
    tests = sum(len(spec.tests) for spec in catalog.specs.values())
    typer.echo(f"ok: {len(catalog.specs)} entries, {len(catalog.upstreams)} upstreams, {tests} tests")


def show(
    name: Annotated[str | None, typer.Argument(help="An entry, a use case or a source; all if left out.")] = None,
    page: Annotated[bool, typer.Option("--page", help="A use case as a Markdown page with its example day.")] = False,
    config: ConfigDir = None,
) -> None:
    """Describe one entry or use case, or list all."""
    catalog = _catalog(config)
    if not page:
        typer.echo(describe(catalog, name))
    elif name is not None and name in catalog.use_cases:
        typer.echo(use_case_page(catalog, catalog.use_cases[name]), nl=False)
    else:
        raise AntarError(f"no use case {name!r}; known: {', '.join(catalog.use_cases)}")


def render(
    name: str,
    record: Annotated[Path | None, typer.Argument(help="A record as JSON; else the entry's example.")] = None,
    config: ConfigDir = None,
) -> None:
    """Print the payload of a record and send nothing."""
    catalog = _catalog(config)
    if name not in catalog.specs:
        raise AntarError(f"no entry {name!r}; known: {', '.join(catalog.specs)}")
    source = read_json(record) if record else None
    typer.echo(orjson.dumps(preview(catalog.specs[name], source), option=orjson.OPT_INDENT_2))


def new(
    name: str,
    sample: Annotated[Path, typer.Option("--from", help="A record of the HIS as JSON.")],
    upstream: Annotated[str, typer.Option(help="Where it is delivered.")] = "satusehat",
) -> None:
    """Print the YAML of a new entry made from a sample record."""
    typer.echo(new_entry(name, read_json(sample), upstream))


def read_json(path: Path) -> dict[str, object]:
    """Return the JSON object of a file; raise AntarError with the place of a fault."""
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        raise AntarError(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise AntarError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error
    if not isinstance(value, dict):
        raise AntarError(f"{path}: must hold one JSON object, a record")
    return value
