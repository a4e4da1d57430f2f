"""The engine's errors; each says what is wrong and what would be right.

AntarError
├── SettingsError       the environment
├── VaultError          a secret that cannot be opened
├── EnvironmentMismatch a database of another environment
└── NotFound            a facility, spec or delivery that is not there
"""

from __future__ import annotations

import traceback
from pathlib import Path


class AntarError(Exception):
    """Base of all errors that a person can mend; str() is one readable sentence."""


class SettingsError(AntarError):
    """An environment variable is missing or wrong."""


class VaultError(AntarError):
    """A secret cannot be decrypted with the keys at hand."""


class EnvironmentMismatch(AntarError):
    """The database belongs to another environment; ids of one are worthless in the other (reference 1.1)."""


class NotFound(AntarError):
    """What was asked for does not exist, or not for this facility."""


def place_of(error: BaseException) -> dict[str, str]:
    """Kind and place of an error for the log; its words may quote a record and stay out."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return {"error": type(error).__name__, "at": f"{Path(last.filename).name}:{last.lineno}" if last else ""}


def words_of(error: BaseException) -> str:
    """What a person reads of it: our own errors say what is wrong, of any other only the kind may be shown."""
    return str(error) if isinstance(error, AntarError) else f"Kesalahan internal ({type(error).__name__})."
