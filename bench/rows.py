"""One row of the report, and how ratios are formed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """`ratio` is taken inside rounds of one run; `absolute` is for the record only."""

    what: str
    against: str
    ratio: float
    reach: str
    absolute: float
    unit: str

    def __str__(self) -> str:
        figures = f"{self.ratio:>8.2f}   {self.reach:<10} {self.absolute:>12,.1f} {self.unit}"
        return f"{self.what:<44} {self.against:<34} {figures}"


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios within each round: both saw the same machine."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))
