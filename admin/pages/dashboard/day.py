"""The day as a picture: the morning line, and bars per day or hour by the time of settlement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from admin.pages.shared.charts import DAYS, OLDEST, Chart, DataPoint, line, stacked
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.formatting import day as day_text
from admin.pages.shared.layout import Layout
from admin.text.words import number, percent, say
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.outbox import counters
from engine.queries.history import (
    HOUR_MS,
    HOURS,
    Answers,
    Outcomes,
    answers,
    by_day,
    by_hour,
    day_of,
    hours_of,
    sent_until_now,
    total,
)

WEEK = 7  # days of a card's line
SPARK = (60, 16)  # width and height of a card's line
LINE = (600, 30)  # of the line below the hours of a day


@dataclass(frozen=True, slots=True)
class Week:
    """A type's last seven days: the points of their line, the numbers in words, and the change since yesterday."""

    points: str
    words: str
    change: int | None  # sent today so far, less those of yesterday up to this hour; None if there were none


NO_WEEKS: Mapping[str, Week] = {}


@dataclass(frozen=True, slots=True)
class DayPicture:
    """Content of the upper part of the dashboard; `day` is set when the bars are the hours of a day."""

    morning: tuple[str, ...]
    chart: Chart
    day: str
    month_line: str
    weeks: Mapping[str, Week]
    month: str  # as the address of the monthly sheet has it


async def day_picture(hub: Hub, layout: Layout, facility: FacilityRow, days: ListFilters) -> DayPicture:
    """Read the hourly counters of the upstream's types; a single chosen day is shown by the hour."""
    now = hub.database.clock()
    specs = [spec.name for spec in hub.catalog.specs.values() if spec.upstream.name == layout.upstream.name]
    present = facility.local(now).date()
    chosen = max(OLDEST, date.fromisoformat(days.date_to)) if days.date_to else present
    last = min(chosen, present)
    history = await by_day(hub.database, facility, specs, last, DAYS)
    recent = history if last == present else await by_day(hub.database, facility, specs, present, WEEK)
    first_hour, last_hour = hours_of(facility, last - timedelta(days=DAYS - 1))[0], hours_of(facility, last)[-1]
    asked = await answers(hub.database, facility, [layout.upstream.name], first_hour, last_hour)
    requests = asked[layout.upstream.name]
    single = days.date_from if days.date_from == days.date_to else ""
    columns = _days(facility, history, requests)
    if single:
        columns = await _hours(hub, facility, specs, chosen, requests)
    until_now = await sent_until_now(hub.database, facility, specs, now)
    return DayPicture(
        morning=(await _yesterday(hub, facility, specs, present), *_answered(layout, requests, now)),
        chart=stacked(columns),
        day=day_text(single) if single else "",
        month_line=line([total(kinds).sent for kinds in history.values()], *LINE),
        weeks={spec: _week(spec, recent, until_now.get(spec)) for spec in specs},
        month=f"{chosen:%Y-%m}",
    )


def _days(
    facility: FacilityRow, history: Mapping[date, Mapping[str, Outcomes]], requests: Mapping[int, Answers]
) -> list[DataPoint]:
    outages = {day_of(facility, hour) for hour, asked in requests.items() if asked.outage}
    return [
        DataPoint(
            day_text(day.isoformat()),
            total(kinds),
            ListFilters().during(day.isoformat(), day.isoformat()).address(),
            day in outages,
        )
        for day, kinds in history.items()
    ]


async def _hours(
    hub: Hub, facility: FacilityRow, specs: list[str], day: date, requests: Mapping[int, Answers]
) -> list[DataPoint]:
    hours = hours_of(facility, day)
    outcomes = await by_hour(hub.database, facility, specs, hours)
    return [
        DataPoint(f"{n:02}.00", settled, outage=requests.get(hour, Answers()).outage)
        for n, (hour, settled) in enumerate(zip(hours, outcomes, strict=True))
    ]


async def _yesterday(hub: Hub, facility: FacilityRow, specs: list[str], present: date) -> str:
    """Return the share of the data of yesterday's date that has been sent; what a person set aside is left out."""
    day = (present - timedelta(days=1)).isoformat()
    counts = await counters.read(hub.database, facility.id, day, day)
    of_day = sum((Counter(counts.get(spec, {})) for spec in specs), Counter[str]())
    sent, n = of_day[Status.SENT], of_day.total() - of_day[Status.IGNORED]
    return say("day.yesterday", percent=percent(100 * sent / n)) if n else say("day.yesterday.nothing")


def _answered(layout: Layout, requests: Mapping[int, Answers], now: int) -> Iterator[str]:
    """Yield how long the upstream took to answer in the last day, if it answered at all."""
    recent = Answers()
    for hour, asked in requests.items():
        if hour >= now // HOUR_MS - HOURS:
            recent = recent.plus(asked)
    if recent.mean is not None:
        yield say("day.answers", upstream=layout.upstream.label, n=number(round(recent.mean)))


def _week(spec: str, recent: Mapping[date, Mapping[str, Outcomes]], until_now: tuple[int, int] | None) -> Week:
    sent = [kinds.get(spec, Outcomes()).sent for kinds in list(recent.values())[-WEEK:]]
    words = say("day.week", numbers=", ".join(number(n) for n in sent))
    return Week(line(sent, *SPARK) if any(sent) else "", words, until_now[0] - until_now[1] if until_now else None)
