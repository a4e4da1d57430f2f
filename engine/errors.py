"""Errors of the engine; each message names the error and its correction.

AntarError
├── SettingsError       an environment variable
├── VaultError          a secret that cannot be decrypted
├── EnvironmentMismatch a database of another environment
└── NotFound            a facility, spec or delivery that does not exist
"""

from __future__ import annotations

import traceback
from pathlib import Path

from adapters.messages import message


class AntarError(Exception):
    """Base of all errors that a person can correct; str() is one readable sentence."""


class SettingsError(AntarError):
    """An environment variable is missing or wrong."""


class VaultError(AntarError):
    """A secret cannot be decrypted with the present keys."""


class EnvironmentMismatch(AntarError):
    """The database belongs to another environment; an id of SatuSehat's sandbox means nothing in production."""


class NotFound(AntarError):
    """A facility, spec or delivery does not exist, or not for this facility."""


def place_of(error: BaseException) -> dict[str, str]:
    """Return type and place of an error for the log; its message stays out, because it may quote a record."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return {"error": type(error).__name__, "at": f"{Path(last.filename).name}:{last.lineno}" if last else ""}


def words_of(error: BaseException) -> str:
    """Return the message for people: that of an AntarError; of any other error only its type may be shown."""
    return str(error) if isinstance(error, AntarError) else message("internal", error=type(error).__name__)
