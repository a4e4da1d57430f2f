"""Secrets for commands: from a file, from the environment, or typed where nobody can read along."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import AntarError
from engine.facilities.facilities import is_secret
from engine.settings import CREDENTIAL_PREFIX
from engine.specs.text import Text

PASSWORD_VARIABLE = "ANTAR_PASSWORD"  # noqa: S105 - the name of a variable
STANDARD_INPUT = Path("-")

PasswordFile = Annotated[Path | None, typer.Option(help="File whose first line is the password; - for standard input.")]


def new_password(file: Path | None) -> str:
    """Return a new password: the first line of the file, else ANTAR_PASSWORD, else typed twice."""
    if file is not None:
        return next(iter(read_text(file).splitlines()), "")
    typed: str = os.environ.get(PASSWORD_VARIABLE) or typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    return typed


def credentials(labels: Mapping[str, Text], file: Path | None) -> dict[str, str]:
    """Return credentials by name, without empty ones: of the file, else of ANTAR_CREDENTIAL_*, else typed."""
    if file is not None:
        given = read_pairs(file, labels)
    else:
        variables = {name: os.environ.get(f"{CREDENTIAL_PREFIX}{name.upper()}", "") for name in labels}
        given = variables if any(variables.values()) else _typed(labels)
    return {name: value for name, value in given.items() if value}


def _typed(labels: Mapping[str, Text]) -> dict[str, str]:
    return {
        name: typer.prompt(f"{label.en} (empty: unchanged)", default="", show_default=False, hide_input=is_secret(name))
        for name, label in labels.items()
    }


def read_pairs(file: Path, names: Collection[str]) -> dict[str, str]:
    """Return the lines NAME=VALUE of a file; empty lines and those that begin with # do not count. Raise AntarError."""
    pairs = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        name, separator, value = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not separator or name not in names:
            raise AntarError(f"{file}:{number}: each line is NAME=VALUE with a name of {', '.join(names)}")
        pairs[name] = value
    return pairs


def read_text(file: Path) -> str:
    """Return the text of a file or of the standard input. Raise AntarError."""
    try:
        return sys.stdin.read() if file == STANDARD_INPUT else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AntarError(f"{file}: {getattr(error, 'strerror', None) or 'is no text in UTF-8'}") from error
