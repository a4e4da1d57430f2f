"""Geometry of the charts: stacked bars and lines as attributes of SVG, which the templates draw without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from admin.text.words import number, say
from engine.queries.history import Outcomes

# Units of the drawing; it is stretched to the room that there is.
WIDTH, HEIGHT = 600, 100
GAP = 0.25  # of a bar's room
MIN_HEIGHT = 1.5  # of a part that is not empty
DAYS = 30  # of a chart at most
OLDEST = date(2000, 1, 1)  # an earlier day is shown as this one: nothing was sent then
KINDS = ("sent", "refused", "held")  # from the bottom up


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar: the fields of a `rect`."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class DataPoint:
    """Value of a bar: its name, the numbers, and the address it links to (empty: none)."""

    label: str
    outcomes: Outcomes
    href: str = ""
    outage: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A column as it is drawn; `slot` is the whole room that answers to the mouse."""

    column: DataPoint
    x: float
    width: float
    slot_x: float
    slot_width: float
    parts: tuple[BarPart, ...]

    @property
    def words(self) -> str:
        """Return the numbers of the bar in a sentence."""
        outcomes = self.column.outcomes
        counts = [f"{number(n)} {say(f'chart.{kind}')}" for kind, n in zip(KINDS, outcomes, strict=True) if n]
        outage = [say("chart.outage")] if self.column.outage else []
        return f"{self.column.label}: {', '.join([*counts, *outage]) or say('chart.nothing')}"


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars; `top` is the number at the upper edge."""

    bars: tuple[Bar, ...]
    top: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names below the axis: of the first, the middle and the last bar."""
        if not self.bars:
            return ()
        return tuple(self.bars[n].column.label for n in (0, len(self.bars) // 2, -1))

    @property
    def outage(self) -> bool:
        return any(bar.column.outage for bar in self.bars)


def stacked(columns: Sequence[DataPoint], top: int = 0) -> Chart:
    """Return the bars of these columns, scaled to the highest or to `top`, if that is higher."""
    top = max((top, *(column.outcomes.total for column in columns)))
    room = WIDTH / max(1, len(columns))
    bars = [
        Bar(
            column,
            round(n * room + room * GAP / 2, 2),
            round(room * (1 - GAP), 2),
            round(n * room, 2),
            round(room, 2),
            _parts(column.outcomes, top),
        )
        for n, column in enumerate(columns)
    ]
    return Chart(tuple(bars), top)


def _parts(outcomes: Outcomes, top: int) -> tuple[BarPart, ...]:
    parts, y = [], float(HEIGHT)
    for kind, n in zip(KINDS, outcomes, strict=True):
        if n:
            height = max(MIN_HEIGHT, HEIGHT * n / top)
            y -= height
            parts.append(BarPart(kind, round(max(0.0, y), 2), round(height, 2)))
    return tuple(parts)


def line(values: Sequence[float | None], width: int, height: int) -> str:
    """Return the `points` of a line through these values, the highest at the upper edge; None has no point."""
    top = max((value for value in values if value), default=1)
    step = width / max(1, len(values) - 1)
    points = [
        (n * step, height - 1 - (height - 2) * value / top) for n, value in enumerate(values) if value is not None
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
