"""Webhook as the configuration declares it: clinics' systems are told there of deliveries that were settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.specs.text import Text


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook: the labels of its address and its secret, and the types that it is told of (empty: all)."""

    name: str
    label: Text
    credentials: Mapping[str, Text]
    specs: tuple[str, ...]

    @property
    def account(self) -> str:
        """Name under which a clinic's address and secret are stored, next to the credentials of the upstreams."""
        return f"webhook:{self.name}"
