"""One row of the report, and the forming of ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """`ratio` is taken within rounds of one run; `absolute` is for the record only; `note` explains the figures."""

    what: str
    against: str
    ratio: float
    reach: str
    absolute: float
    unit: str
    note: str = ""

    def __str__(self) -> str:
        figures = f"{self.ratio:>8.2f}   {self.reach:<10} {self.absolute:>12,.1f} {self.unit}"
        line = f"{self.what:<44} {self.against:<34} {figures}"
        return f"{line}\n    {self.note}" if self.note else line


def compared(
    what: str, against: str, ours: Sequence[float], theirs: Sequence[float], reach: str, unit: str, note: str = ""
) -> Row:
    """Return a row of rounds that were measured alternately; the absolute value is the median of ours."""
    return Row(what, against, median_ratio(ours, theirs), reach, median(ours), unit, note)


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios within each round: both sides saw the same machine."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))
