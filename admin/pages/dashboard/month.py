"""Sheet of a month: per type and day what was sent, refused and held back, to print or as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Right
from admin.pages.shared.csv_text import as_csv
from admin.pages.shared.formatting import day as day_text
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.months import LONGEST_MONTH, first_day, last_day
from admin.text.words import localized, say
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries.history import Outcomes, by_day, total
from engine.specs.record_type import Spec


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A type's outcomes per day of the month, and their sum."""

    spec: Spec
    days: tuple[Outcomes, ...]
    sum: Outcomes


@dataclass(frozen=True, slots=True)
class Sheet:
    """The month of a clinic; `days` holds the sums of all types, `is_last` tells that no later month has begun."""

    first: date
    is_last: bool
    dates: tuple[date, ...]
    rows: tuple[TypeRow, ...]
    days: tuple[Outcomes, ...]
    sum: Outcomes

    @property
    def name(self) -> str:
        """Return the month in words, e.g. November 2026."""
        return f"{say(f'month.{self.first.month}')} {self.first.year}"

    @property
    def before(self) -> str:
        return f"{self.first - timedelta(days=1):%Y-%m}"

    @property
    def after(self) -> str:
        return f"{self.first + LONGEST_MONTH:%Y-%m}"


@get("/laporan/{month:str}", opt={"right": Right.PANEL})
async def month_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub], month: FromPath[str]) -> Template:
    """Show the sheet of a month (`2026-03`)."""
    layout, facility = await _opened(request, hub)
    sheet = await _sheet(hub, facility, first_day(month))
    return Template("dashboard/month.html", context={"frame": layout, "sheet": sheet, "month": month})


@get("/laporan/{month:str}/csv", opt={"right": Right.PANEL})
async def month_csv(request: Request[Any, Any, Any], hub: NamedDependency[Hub], month: FromPath[str]) -> Response[str]:
    """Return the sheet as CSV: a row per type and day."""
    _, facility = await _opened(request, hub)
    sheet = await _sheet(hub, facility, first_day(month))
    # The byte order mark makes spreadsheets read the file as UTF-8.
    text = "\ufeff" + as_csv(list(_lines(sheet, facility)))
    name = f'attachment; filename="antar-{facility.code}-{sheet.first:%Y-%m}.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


async def _opened(request: Request[Any, Any, Any], hub: Hub) -> tuple[Layout, FacilityRow]:
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return layout, layout.facility


async def _sheet(hub: Hub, facility: FacilityRow, first: date) -> Sheet:
    """Return the month with the types that have settled anything in it."""
    last = last_day(first)
    history = await by_day(hub.database, facility, list(hub.catalog.specs), last, last.day)
    rows = tuple(row for spec in hub.catalog.specs.values() if (row := _row(spec, history)).sum.total)
    days = tuple(total(kinds) for kinds in history.values())
    is_last = last >= facility.local(hub.database.clock()).date()
    return Sheet(first, is_last, tuple(history), rows, days, total({row.spec.name: row.sum for row in rows}))


def _row(spec: Spec, history: Mapping[date, Mapping[str, Outcomes]]) -> TypeRow:
    days = tuple(kinds.get(spec.name, Outcomes()) for kinds in history.values())
    summed = Outcomes(*(sum(numbers) for numbers in zip(*days, strict=True)))
    return TypeRow(spec, days, summed)


def _lines(sheet: Sheet, facility: FacilityRow) -> Iterator[list[str]]:
    kinds = [say(f"chart.{kind}") for kind in ("sent", "refused", "held")]
    yield [say("month.clinic"), say("month.upstream"), say("month.type"), say("chart.when"), *kinds]
    for row in sheet.rows:
        names = [facility.name, localized(row.spec.upstream.label), localized(row.spec.label)]
        for day, outcomes in zip(sheet.dates, row.days, strict=True):
            if outcomes.total:
                yield [*names, day_text(day.isoformat()), *map(str, outcomes)]
        yield [*names, say("month.sum"), *map(str, row.sum)]
