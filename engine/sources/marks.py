"""Marks of reads by watermark: values of a column that grows with each change, times or whole numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from adapters.his_database.faults import FaultKind, HisFault
from engine.facilities.facilities import FacilityRow
from engine.specs.his_source import Mark, Watermark


def mark_of(value: Any, column: str) -> Mark:
    """Return the mark that a column of a row has. Raises HisFault if it is neither a time nor a whole number."""
    if isinstance(value, int | datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    try:
        if isinstance(value, str) and "-" in value:  # SQLite has no times
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise HisFault(FaultKind.MARK, column)


def stored(mark: Mark) -> str:
    """Return a mark as text, for a round's row."""
    return str(mark) if isinstance(mark, int) else mark.isoformat()


def parsed(text: str) -> Mark:
    """Return a mark from the text that `stored` made of it."""
    return int(text) if "-" not in text[1:] else datetime.fromisoformat(text)


class Scale:
    """Compares the marks of one read, whose times without an offset are those of a time zone."""

    def __init__(self, watermark: Watermark, facility: FacilityRow) -> None:
        self._zone: tzinfo = UTC if watermark.utc else ZoneInfo(facility.time_zone)
        self._lag = watermark.lag
        self._column = watermark.column

    def at(self, mark: Mark) -> int:
        """Return a number that orders the marks: of times microseconds since 1970."""
        if isinstance(mark, int):
            return mark
        aware = mark if mark.tzinfo else mark.replace(tzinfo=self._zone)
        return (aware - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)

    def is_ahead(self, mark: Mark, now: int) -> bool:
        """Return whether a mark is a time later than `now` (epoch milliseconds): a clock was wrong."""
        return isinstance(mark, datetime) and self.at(mark) > now * 1000

    def begin(self, mark: Mark, now: int) -> Mark:
        """Return where the next round begins: the lag before the mark, or before `now` if the mark is later."""
        if isinstance(mark, int):
            return mark - self._lag
        if self.is_ahead(mark, now):
            clock = datetime.fromtimestamp(now / 1000, self._zone)
            mark = clock if mark.tzinfo else clock.replace(tzinfo=None)
        return mark - timedelta(seconds=self._lag)

    def ordered(self, marks: list[Mark]) -> list[Mark]:
        """Return the marks of a batch. Raises HisFault if they are not in ascending order, or not of one kind."""
        if len({isinstance(mark, int) for mark in marks}) > 1:
            raise HisFault(FaultKind.MARK, self._column)
        numbers = [self.at(mark) for mark in marks]
        if any(later < earlier for earlier, later in pairwise(numbers)):
            raise HisFault(FaultKind.MARK, self._column)
        return marks
