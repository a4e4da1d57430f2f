"""The switches of the simulated dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.kfa.catalogue import DEFAULT_SIZE


@dataclass(slots=True)
class Settings:
    """How KFA behaves where the real one varies or the reference leaves it open."""

    size: int = DEFAULT_SIZE
    """How many products there are before any is added."""
    items: Literal["object", "array"] = "object"
    """`items` as documented, {"data": [...]}, or as a live probe saw it, a bare array."""
    largest_page: int = 1000
    """A bigger `size` is refused; the real bound is not published."""
