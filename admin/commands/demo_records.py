"""Records of config/demo, moved from the recorded day to other days: whole, up to a time, or some visits only."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

RECORDED_DAY = date(2026, 3, 10)  # day of the records in config/demo; they are moved to other days
SUNDAY = 7
ZONE = "Asia/Jakarta"
ORDER_FILE = "order.txt"
MONTH_FILE = "month.txt"  # types of the days before yesterday, which are thin
OPENING = time(7, 30)  # of the recorded day
LEAST_HOURS = 2  # into which half of the visits are put, if so many have passed since midnight
# The number of a visit stands in the keys of all its records. Patients, staff and products have other digits.
VISIT = re.compile(r"\b([A-Z]+)-(\d{4})(?!\d)")
VISIT_OF = re.compile(r'"visit_id": "([A-Z]+)-(\d{4})"')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+07:00")


@dataclass(frozen=True)
class Timetable:
    """Times at which the recorded day happens: `opening`, and from there on each hour lasts `pace` hours."""

    opening: datetime
    pace: float = 1.0

    def at(self, recorded: datetime) -> datetime:
        """Return the time of a recorded time, whatever day it has."""
        since = datetime.combine(recorded.date(), OPENING, recorded.tzinfo)
        return (self.opening + (recorded - since) * self.pace).replace(microsecond=0)


@dataclass(frozen=True)
class DemoRecords:
    """The records of config/demo in the order in which they are handed in."""

    config: Path

    @cached_property
    def files(self) -> dict[str, str]:
        """Return type -> NDJSON of the recorded day."""
        folder = self.config / "demo"
        names = (folder / ORDER_FILE).read_text("utf-8").split()
        return {name: (folder / f"{name}.ndjson").read_text("utf-8") for name in names}

    @cached_property
    def month_types(self) -> frozenset[str]:
        return frozenset((self.config / "demo" / MONTH_FILE).read_text("utf-8").split())

    @cached_property
    def ends(self) -> dict[int, datetime]:
        """Return visit -> when its last record was made, on the recorded day."""
        ends: dict[int, datetime] = {}
        for line in (line for text in self.files.values() for line in text.splitlines()):
            visit, times = visit_of(line), [datetime.fromisoformat(time) for time in TIME.findall(line)]
            if visit and times:
                ends[visit] = max(*times, ends.get(visit, times[0]))
        return ends

    def day(self, to: date) -> Iterator[tuple[str, str]]:
        """Yield (type, NDJSON) of each file, its dates moved so that RECORDED_DAY becomes `to`."""
        for name, text in self.files.items():
            yield name, _moved(text, to)

    def whole(self, to: date) -> Iterator[tuple[str, list[Any]]]:
        """Yield (type, records) of the whole day."""
        for name, text in self.day(to):
            yield name, [json.loads(line) for line in text.splitlines()]

    def foundation(self, to: date) -> Iterator[tuple[str, list[Any]]]:
        """Yield (type, records) of everything that belongs to no visit: staff, rooms, patients, products."""
        for name, text in self.files.items():
            if lines := [line for line in text.splitlines() if not visit_of(line)]:
                yield name, [json.loads(_moved(line, to)) for line in lines]

    def visits(
        self,
        to: date,
        visits: Collection[int],
        types: Collection[str],
        times: Timetable | None = None,
        *,
        dated_keys: bool = True,
    ) -> Iterator[tuple[str, list[Any]]]:
        """Yield (type, records) of some visits on another day; dated keys bear the day, because keys are unique."""
        for name in (name for name in self.files if name in types):
            lines = [line for line in self.files[name].splitlines() if visit_of(line) in visits]
            if lines:
                text = _moved(_at_times("\n".join(lines), times), to)
                text = VISIT.sub(rf"\1-{to:%m%d}-\2", text) if dated_keys else text
                yield name, [json.loads(line) for line in text.splitlines()]

    def ended(self, now: datetime) -> tuple[dict[int, datetime], Timetable]:
        """Return visit -> end of those that have ended on the day of `now`, and the times at which that day happens.

        Until half of the visits have ended by the recorded times, the day is shortened so that half have ended: it
        begins at most LEAST_HOURS before `now`, after midnight, and the visits follow one another faster.
        """
        local = now.astimezone(ZoneInfo(ZONE))
        recorded_opening = datetime.combine(RECORDED_DAY, OPENING, local.tzinfo)
        middle = sorted(self.ends.values())[len(self.ends) // 2]
        opening = min(
            datetime.combine(local.date(), OPENING, local.tzinfo),
            max(local - timedelta(hours=LEAST_HOURS), datetime.combine(local.date(), time(), local.tzinfo)),
        )
        times = Timetable(opening, min(1.0, (local - opening) / (middle - recorded_opening)))
        ends = {visit: times.at(end) for visit, end in self.ends.items()}
        return {visit: end for visit, end in ends.items() if end <= local}, times


def visit_of(line: str) -> int:
    """Return the number of the visit that a record belongs to; 0 for records that belong to none."""
    # Some records are numbered on their own; these name their visit.
    key = VISIT_OF.search(line) or VISIT.search(line.partition(",")[0])
    return int(key[2]) if key else 0


def last_open_day(today: date) -> date:
    """Return yesterday, or Saturday if that was a Sunday, when clinics (and BPJS) are closed."""
    yesterday = today - timedelta(days=1)
    return yesterday - timedelta(days=1) if yesterday.isoweekday() == SUNDAY else yesterday


def day(config: Path, to: date) -> Iterator[tuple[str, str]]:
    """Yield (record type, NDJSON) of each file of config/demo, its dates moved so that RECORDED_DAY becomes `to`."""
    yield from DemoRecords(config).day(to)


def _moved(text: str, to: date) -> str:
    shift = (to - RECORDED_DAY).days
    for offset in (-2, -1, 0, 1):
        old = RECORDED_DAY + timedelta(days=offset)
        # The character \x01 marks dates that have been moved, so that they are not moved again.
        text = text.replace(old.isoformat(), f"\x01{(old + timedelta(days=shift)).isoformat()}")
    return text.replace("\x01", "")


def _at_times(text: str, times: Timetable | None) -> str:
    """Return records of the recorded day with their times of day by the timetable; the day stays."""
    if times is None:
        return text
    day = RECORDED_DAY
    return TIME.sub(
        lambda time: datetime.combine(day, times.at(datetime.fromisoformat(time[0])).timetz()).isoformat(), text
    )
