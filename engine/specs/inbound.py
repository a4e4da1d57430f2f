"""What a service is that others call on the clinic, once believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.specs.upstream import Retention


@dataclass(frozen=True, slots=True)
class Inbound:
    """A queue service: its token's life, the code lists that declare when it is open, and its words."""

    name: str
    label: str
    credentials: Mapping[str, str]  # label of each secret that the clinic hands to the caller
    token_minutes: int
    version: int
    polis: str
    shifts: str
    per_minute: int
    texts: Mapping[str, str]
    # Who answers: our own book of numbers, or the clinic's system.
    source: Literal["own", "his"] = "own"
    patience: float = 5.0  # seconds that the clinic's system gets to answer
    # For how long what was asked and answered is kept, and that it was.
    retention: Retention = field(default_factory=Retention)

    @property
    def account(self) -> str:
        """Under which name the clinic's credentials for it are kept beside those of the upstreams."""
        return f"inbound:{self.name}"
