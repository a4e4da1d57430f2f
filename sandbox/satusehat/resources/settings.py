"""SatuSehatSettings of the simulated platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class SatuSehatSettings:
    """Behaviour that differs between environments of the real platform, or is not documented."""

    # Only systems of the rule dictionary, only codes of the loaded lists, no unknown elements.
    strict: bool = False
    expires_in: Literal["text", "number"] = "text"
    token_seconds: int = 3599
    pause_seconds: float = 60.0  # length of the token endpoint's pause after a failed attempt of a client
    pause_status: int = 429  # status of the answer during the pause; the real one is not recorded
    # False: store every POST, so that the witness can see a client that sends twice.
    refuse_duplicates: bool = True
    # Effect of POST /Patient with a NIK that the civil registry does not know.
    unknown_nik: Literal["refuse", "create"] = "refuse"
    page_size: int = 10
