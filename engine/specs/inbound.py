"""Inbound service as the configuration declares it: one that others call on the clinic, such as Mobile JKN's queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.specs.text import Text
from engine.specs.upstream import Retention


@dataclass(frozen=True, slots=True)
class Inbound:
    """A queue service: lifetime of its tokens, the code lists with its opening hours, and its messages."""

    name: str
    label: Text
    credentials: Mapping[str, Text]  # label of each secret that the clinic hands to the caller
    token_minutes: int
    version: int
    polis: str
    shifts: str
    per_minute: int
    texts: Mapping[str, str]
    # The system that answers: Antar with its own queue numbers, or the clinic's HIS.
    source: Literal["own", "his"]
    patience: float  # seconds that the clinic's system has to answer
    # Days for which the bodies of a request are kept, and the request itself.
    retention: Retention

    @property
    def account(self) -> str:
        """Name under which the clinic's credentials for the service are stored, next to those of the upstreams."""
        return f"inbound:{self.name}"
