"""The switches of the simulated platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Settings:
    """How the platform behaves where the real one varies or the reference leaves it open."""

    strict: bool = False
    """Only the systems of the rule dictionary, only codes of the loaded lists, no unknown elements."""
    expires_in: Literal["text", "number"] = "text"
    token_seconds: int = 3599
    pause_seconds: float = 60.0
    """How long the token endpoint pauses after a failed attempt of a client (reference 1.2)."""
    pause_status: int = 429
    """The status of that answer is not on record."""
    refuse_duplicates: bool = True
    """False: store every POST, so that the witness can see a client that sends twice."""
    unknown_nik: Literal["refuse", "create"] = "refuse"
    """What POST /Patient does with a NIK that the civil registry does not know."""
    page_size: int = 10
