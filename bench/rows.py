"""One row of the report, and how ratios are formed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """`ratio` is taken inside rounds of one run; `absolute` is for the record only, `note` says what explains them."""

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
    """A row of rounds that were measured in turn; the absolute is the median of ours."""
    return Row(what, against, median_ratio(ours, theirs), reach, median(ours), unit, note)


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios within each round: both saw the same machine."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))
