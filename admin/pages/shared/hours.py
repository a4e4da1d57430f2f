"""The last 24 hours of a clinic: deliveries settled per hour, and the answer times of each upstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admin.pages.shared.charts import Chart, DataPoint, line, stacked
from admin.text.words import localized, number, percent, say
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries.history import HOUR_MS, HOURS, Answers, answers, by_hour

LINE = (600, 60)


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """Answers of an upstream per hour: the points of the line of their means, and the facts in words."""

    label: str
    facts: tuple[str, ...]
    points: str
    top: int
    hours: tuple[tuple[str, Answers], ...]


@dataclass(frozen=True, slots=True)
class LastHours:
    """Settled deliveries and answer times of the last 24 hours; `line` is the width and height of a line."""

    chart: Chart
    answer_times: tuple[AnswerTimes, ...]
    line: tuple[int, int] = LINE


async def last_hours(hub: Hub, facility: FacilityRow) -> LastHours:
    """Return the hours up to the present one; upstreams that were not asked are left out."""
    present = hub.database.clock() // HOUR_MS
    hours = range(present - HOURS + 1, present + 1)
    labels = [_clock(facility, hour) for hour in hours]
    settled = await by_hour(hub.database, facility, list(hub.catalog.specs), hours)
    asked = await answers(hub.database, facility, list(hub.catalog.upstreams), hours[0], hours[-1])
    columns = [DataPoint(label, outcomes) for label, outcomes in zip(labels, settled, strict=True)]
    return LastHours(
        stacked(columns),
        tuple(
            _times(localized(hub.catalog.upstreams[name].label), labels, [by.get(hour, Answers()) for hour in hours])
            for name, by in asked.items()
            if by
        ),
    )


def _times(label: str, labels: Sequence[str], per_hour: Sequence[Answers]) -> AnswerTimes:
    whole = Answers()
    for hour in per_hour:
        whole = whole.plus(hour)
    means = [hour.mean for hour in per_hour]
    top = max((mean for mean in means if mean), default=0.0)
    facts = []
    if whole.mean is not None:
        facts = [
            say("hours.mean", n=number(round(whole.mean))),
            say("hours.slow", percent=percent(100 * whole.slow / (whole.n - whole.failed))),
            say("hours.highest", n=number(round(top)), hour=labels[[mean or 0.0 for mean in means].index(top)]),
        ]
    if whole.failed:
        facts.append(say("hours.failed", percent=percent(100 * whole.failed / whole.n)))
    hours = tuple((name, hour) for name, hour in zip(labels, per_hour, strict=True))
    return AnswerTimes(label, tuple(facts), line(means, *LINE), round(top), hours)


def _clock(facility: FacilityRow, hour: int) -> str:
    return f"{facility.local(hour * HOUR_MS):%H.%M}"
