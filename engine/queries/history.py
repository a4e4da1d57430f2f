"""History of a facility by the time of settlement: hours and days with their outcomes, and the answers of upstreams.

Read from the hourly counters by their primary key alone, so that it costs the same at any number of deliveries. Days
are those of the facility's time zone; a zone that is not a whole number of hours from UTC is rounded down.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.database.database import Database
from engine.database.statements import Statement
from engine.facilities.facilities import FacilityRow

HOUR_MS = 3_600_000
HOURS = 24
EPOCH = date(1970, 1, 1)


class Outcomes(NamedTuple):
    """Deliveries that were settled: accepted, refused, or held back because they wait for something else."""

    sent: int = 0
    refused: int = 0
    held: int = 0

    @property
    def total(self) -> int:
        return self.sent + self.refused + self.held

    def plus(self, other: Outcomes) -> Outcomes:
        return Outcomes(self.sent + other.sent, self.refused + other.refused, self.held + other.held)


class Answers(NamedTuple):
    """Requests to an upstream: all, milliseconds and number of slow ones among the answers, and those unanswered."""

    n: int = 0
    milliseconds: int = 0
    slow: int = 0
    failed: int = 0

    def plus(self, other: Answers) -> Answers:
        return Answers(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def mean(self) -> float | None:
        """Return the mean milliseconds of an answer; None without one."""
        answered = self.n - self.failed
        return self.milliseconds / answered if answered else None

    @property
    def outage(self) -> bool:
        """Return whether most requests had no usable answer."""
        return 2 * self.failed > self.n


async def by_day(
    database: Database, facility: FacilityRow, specs: Collection[str], last: date, days: int
) -> dict[date, dict[str, Outcomes]]:
    """Return day -> type -> outcomes of the days up to `last`, which all are in it, the oldest first."""
    first = last - timedelta(days=days - 1)
    history: dict[date, dict[str, Outcomes]] = {first + timedelta(days=n): {} for n in range(days)}
    shift = _shift(facility, last)
    since, until = _first_hour(first, shift), _first_hour(last, shift) + HOURS - 1
    parameters = {"facility": facility.id, "specs": sorted(specs), "since": since, "until": until, "shift": shift}
    for row in await database.fetch(_BY_DAY, parameters):
        kinds = history[EPOCH + timedelta(days=row.day)]
        kinds[row.spec] = kinds.get(row.spec, Outcomes())._replace(**{row.outcome: int(row.n)})
    return history


async def by_hour(database: Database, facility: FacilityRow, specs: Collection[str], hours: range) -> list[Outcomes]:
    """Return the outcomes of these hours (since 1970), one after the other."""
    outcomes = [Outcomes()] * len(hours)
    parameters = {"facility": facility.id, "specs": sorted(specs), "since": hours[0], "until": hours[-1]}
    for row in await database.fetch(_BY_HOUR, parameters):
        at = row.hour - hours[0]
        outcomes[at] = outcomes[at]._replace(**{row.outcome: int(row.n)})
    return outcomes


async def by_type_and_hour(
    database: Database, facility: FacilityRow, specs: Collection[str], hours: range
) -> dict[str, list[Outcomes]]:
    """Return type -> outcomes of these hours (since 1970), one after the other."""
    outcomes = {spec: [Outcomes()] * len(hours) for spec in specs}
    parameters = {"facility": facility.id, "specs": sorted(specs), "since": hours[0], "until": hours[-1]}
    for row in await database.fetch(_BY_TYPE_AND_HOUR, parameters):
        at = row.hour - hours[0]
        outcomes[row.spec][at] = outcomes[row.spec][at]._replace(**{row.outcome: int(row.n)})
    return outcomes


async def sent_until_now(
    database: Database, facility: FacilityRow, specs: Collection[str], now: int
) -> dict[str, tuple[int, int]]:
    """Return type -> (sent today so far, sent yesterday up to the same hour)."""
    start = hours_of(facility, facility.local(now).date())[0]
    parameters = {"facility": facility.id, "specs": sorted(specs), "start": start, "hour": now // HOUR_MS}
    rows = await database.fetch(_UNTIL_NOW, parameters)
    return {row.spec: (int(row.today), int(row.before)) for row in rows}


async def answers(
    database: Database, facility: FacilityRow, upstreams: Collection[str], first: int, last: int
) -> dict[str, dict[int, Answers]]:
    """Return upstream -> hour -> answers for the hours (since 1970) from `first` to `last`."""
    history: dict[str, dict[int, Answers]] = {name: {} for name in upstreams}
    for row in await database.fetch(_ANSWERS, {"facility": facility.id, "since": first, "until": last}):
        if row.upstream in history:
            history[row.upstream][row.hour] = Answers(row.n, row.milliseconds, row.slow, row.failed)
    return history


def hours_of(facility: FacilityRow, day: date) -> range:
    """Return the hours (since 1970) of a day."""
    start = _first_hour(day, _shift(facility, day))
    return range(start, start + HOURS)


def day_of(facility: FacilityRow, hour: int) -> date:
    """Return the day that an hour (since 1970) belongs to."""
    return facility.local(hour * HOUR_MS).date()


def total(kinds: Mapping[str, Outcomes]) -> Outcomes:
    """Return the sum over all types."""
    result = Outcomes()
    for outcomes in kinds.values():
        result = result.plus(outcomes)
    return result


def _first_hour(day: date, shift: int) -> int:
    return (day - EPOCH).days * HOURS - shift


def _shift(facility: FacilityRow, day: date) -> int:
    """Return the hours by which the facility's clock is ahead of UTC."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(facility.time_zone))
    return (noon.utcoffset() or timedelta()) // timedelta(hours=1)


class _OfDay(NamedTuple):
    day: int
    spec: str
    outcome: str
    n: int


class _OfHour(NamedTuple):
    hour: int
    outcome: str
    n: int


class _OfTypeAndHour(NamedTuple):
    spec: str
    hour: int
    outcome: str
    n: int


class _UntilNow(NamedTuple):
    spec: str
    today: int
    before: int


class _HourOfAnswers(NamedTuple):
    upstream: str
    hour: int
    n: int
    milliseconds: int
    slow: int
    failed: int


_BY_DAY = Statement(
    """
SELECT (hour + CAST(:shift AS INTEGER)) / 24 AS day, spec, outcome, SUM(n) AS n FROM hourly_counts
WHERE facility_id = :facility AND hour BETWEEN :since AND :until AND spec IN (SELECT spec FROM {specs} AS v)
GROUP BY 1, 2, 3
""",
    _OfDay,
    specs="spec text",
)
_BY_HOUR = Statement(
    """
SELECT hour, outcome, SUM(n) AS n FROM hourly_counts
WHERE facility_id = :facility AND hour BETWEEN :since AND :until AND spec IN (SELECT spec FROM {specs} AS v)
GROUP BY 1, 2
""",
    _OfHour,
    specs="spec text",
)
_BY_TYPE_AND_HOUR = Statement(
    """
SELECT spec, hour, outcome, n FROM hourly_counts
WHERE facility_id = :facility AND hour BETWEEN :since AND :until AND spec IN (SELECT spec FROM {specs} AS v)
""",
    _OfTypeAndHour,
    specs="spec text",
)
_UNTIL_NOW = Statement(
    """
SELECT spec, SUM(CASE WHEN hour >= :start THEN n ELSE 0 END) AS today,
  SUM(CASE WHEN hour < :start AND hour <= :hour - 24 THEN n ELSE 0 END) AS before
FROM hourly_counts
WHERE facility_id = :facility AND hour BETWEEN :start - 24 AND :hour AND outcome = 'sent'
  AND spec IN (SELECT spec FROM {specs} AS v)
GROUP BY 1
""",
    _UntilNow,
    specs="spec text",
)
_ANSWERS = Statement(
    """
SELECT upstream, hour, n, milliseconds, slow, failed FROM hourly_requests
WHERE facility_id = :facility AND hour BETWEEN :since AND :until
""",
    _HourOfAnswers,
)
