"""KfaSettings of the simulated dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.kfa.catalogue import DEFAULT_SIZE


@dataclass(slots=True)
class KfaSettings:
    """Behaviour of KFA that varies in the real service or is not documented."""

    size: int = DEFAULT_SIZE  # number of products before any is added
    # `items` as documented, {"data": [...]}, or as the live service was seen to answer, a bare array.
    items: Literal["object", "array"] = "object"
    largest_page: int = 1000  # a bigger `size` is refused; the real bound is not published
