"""Sheet of a month for each use case: visits, how many have all that they need, and what the others lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import orjson
from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Right
from admin.pages.shared.csv_text import as_csv
from admin.pages.shared.months import first_day, last_day
from admin.pages.visits.opened import OPENED, OpenClinic, Opened
from admin.text.words import localized, percent, say
from engine.queries.completeness import judged_visits
from engine.specs.use_case import UseCase
from engine.visits.visit_index import StoredLack

ADDRESS = "/kunjungan/bulan/{month:str}"


@dataclass(slots=True)
class CaseRow:
    """A use case in a month; `lacks` counts the visits that lack a need, by the name of the need."""

    case: UseCase
    n: int = 0
    complete: int = 0
    lacks: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> str:
        """Return how many of the visits are complete, in percent."""
        return percent(100 * self.complete / self.n) if self.n else "–"

    @property
    def lines(self) -> list[tuple[str, int]]:
        """Return what is lacking and in how many visits, the most frequent first."""
        labels = {need.name: localized(need.label) for need in self.case.requirements}
        return [(labels[name], n) for name, n in self.lacks.most_common() if name in labels]


@get(ADDRESS, opt={"right": Right.PANEL}, dependencies=OPENED)
async def cases_page(clinic: Opened, month: FromPath[str]) -> Template:
    """Show the sheet of a month (`2026-03`)."""
    first = first_day(month)
    last = last_day(first)
    is_last = f"{first:%Y-%m}" >= clinic.month
    context: dict[str, Any] = {
        "frame": clinic.layout,
        "tab": "month",
        "rows": await _rows(clinic, first),
        "month": month,
        "name": f"{say(f'month.{first.month}')} {first.year}",
        "before": f"{first - timedelta(days=1):%Y-%m}",
        "later": "" if is_last else f"{last + timedelta(days=1):%Y-%m}",
        "this_month": clinic.month,
    }
    return Template("visits/month.html", context=context)


@get(f"{ADDRESS}/csv", opt={"right": Right.PANEL}, dependencies=OPENED)
async def cases_csv(clinic: Opened, month: FromPath[str]) -> Response[str]:
    """Return the sheet as CSV: a row for each use case, and one for each thing that is lacking."""
    rows = await _rows(clinic, first_day(month))
    # The byte order mark makes spreadsheets read the file as UTF-8.
    text = "\ufeff" + as_csv(list(_lines(rows, clinic.facility.name)))
    name = f'attachment; filename="antar-{clinic.facility.code}-{month}-kelengkapan.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


async def _rows(clinic: OpenClinic, first: date) -> list[CaseRow]:
    """Return the use cases that the month has visits of, those with most visits first."""
    cases = {name: CaseRow(case) for name, case in clinic.hub.catalog.use_cases.items()}
    days = (first.isoformat(), last_day(first).isoformat())
    for visit in await judged_visits(clinic.hub.database, clinic.facility.id, *days):
        lacks = [StoredLack(*lack) for lack in orjson.loads(visit.lacks)]
        for name in orjson.loads(visit.use_cases):
            if name in cases:
                mine = {lack.need for lack in lacks if lack.use_case == name}
                cases[name].n += 1
                cases[name].complete += not mine
                cases[name].lacks.update(mine)
    return sorted((row for row in cases.values() if row.n), key=lambda row: -row.n)


def _lines(rows: list[CaseRow], clinic: str) -> Iterator[list[str]]:
    yield [say(f"cases.{name}") for name in ("clinic", "case", "visits", "complete", "lacking", "in_visits")]
    for row in rows:
        names = [clinic, localized(row.case.label), str(row.n), str(row.complete)]
        yield [*names, "", ""]
        for label, n in row.lines:
            yield [*names, label, str(n)]
