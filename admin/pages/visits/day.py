"""Matrix of a day: visits down, types across, a mark in each cell, and the visits that are not complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from litestar import Request, get
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Number, Text
from admin.pages.deliveries.column_fields import column_fields
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.formatting import day
from admin.pages.visits.opened import OPENED, OpenClinic, Opened
from admin.pages.visits.rows import visit_rows
from admin.text.words import localized, number
from engine.catalog.catalog import Catalog
from engine.delivery.status import Status
from engine.outbox import counters
from engine.queries import patients, visits
from engine.queries.visits import DayFilters, StatusCount
from engine.specs.record_type import Spec
from engine.visits import expected_counts

PAGE_SIZE = 25


@get("/kunjungan", opt={"right": Right.PANEL}, dependencies=OPENED)
async def day_page(
    request: Request[Any, Any, Any], clinic: Opened, kurang: Text = "", after: Number = None
) -> Template:
    """Show the visits of a day, today's by default; with `kurang` only those that are not complete."""
    type_of_visits = visit_type(clinic.hub.catalog)
    chosen = ListFilters.read(request.query_params, type_of_visits)
    today = _today(clinic)
    shown = chosen.date_from or today
    chosen = chosen.during(shown, shown)
    base = {
        "frame": clinic.layout,
        "tab": "day",
        "this_month": clinic.month,
        "chosen": chosen,
        "shown": shown,
        "day": day(shown),
        "today": today,
        "incomplete": bool(kurang),
        "keep": "ya" if kurang else "",
        "around": {name: chosen.during(other, other) for name, other in _around(shown).items()},
    }
    rows = await _rows(clinic, type_of_visits, DayFilters(shown, bool(kurang), chosen.columns), after or 0)
    return Template("visits/day.html", context={**base, **rows, "first": not after})


async def _rows(clinic: OpenClinic, type_of_visits: Spec | None, filters: DayFilters, after: int) -> dict[str, Any]:
    """Return a page of the matrix, its totals, and the fields by which it is filtered."""
    hub, facility = clinic.hub, clinic.layout.facility
    if facility is None:
        return {"rows": [], "types": [], "n": 0, "n_open": 0, "next": None, "columns": [], "expected": False}
    found = await visits.visits_of_day(hub.database, facility.id, filters, PAGE_SIZE + 1, after)
    rows = await visit_rows(clinic, found[:PAGE_SIZE])
    norms = [row["norm"] for row in rows if row["norm"]]
    ids = await patients.patient_ids(hub.database, facility.id, norms)
    totals = await visits.totals_of_day(hub.database, facility.id, filters.day)
    expected = await _expected(clinic, facility.id, filters.day)
    fields = ListFilters(columns=filters.columns)
    return {
        "rows": [{**row, "patient": ids.get(row["norm"])} for row in rows],
        "types": _types(clinic, rows, totals, expected),
        "expected": bool(expected),
        "n": await visits.count_of_day(hub.database, facility.id, DayFilters(filters.day)),
        "n_open": await visits.count_of_day(hub.database, facility.id, DayFilters(filters.day, incomplete=True)),
        "next": found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        "columns": await column_fields(hub, facility.id, type_of_visits, fields) if type_of_visits is not None else [],
    }


def visit_type(catalog: Catalog) -> Spec | None:
    """Return the type whose records are visits; None if no use case names one."""
    return next((catalog.specs[case.visit] for case in catalog.use_cases.values()), None)


def _today(clinic: OpenClinic) -> str:
    facility = clinic.layout.facility
    return facility.local(clinic.hub.database.clock()).date().isoformat() if facility else date.today().isoformat()


def _around(shown: str) -> dict[str, str]:
    """Return the days before and after; the calendar begins and ends with the day itself."""
    middle, one = date.fromisoformat(shown), timedelta(days=1)
    before, after = max(middle, date.min + one) - one, min(middle, date.max - one) + one
    return {"before": before.isoformat(), "after": after.isoformat()}


async def _expected(clinic: OpenClinic, facility_id: int, shown: str) -> dict[str, tuple[int, int]]:
    """Return by type how many records of the day came, and how many the clinic's system says that it has."""
    said = await expected_counts.read(clinic.hub.database, facility_id, shown)
    came = await counters.read(clinic.hub.database, facility_id, shown, shown) if said else {}
    return {name: (sum(came.get(name, {}).values()), n) for name, n in said.items()}


def _types(
    clinic: OpenClinic,
    rows: Sequence[dict[str, Any]],
    totals: Sequence[StatusCount],
    expected: Mapping[str, tuple[int, int]],
) -> list[dict[str, Any]]:
    """Return the types that a row has a mark of or that are expected, each with how many of the day's are sent."""
    types = []
    for name, spec in clinic.hub.catalog.specs.items():
        if name in expected or any(name in row["marks"] for row in rows):
            n = sum(total.n for total in totals if total.spec == name)
            sent = sum(total.n for total in totals if total.spec == name and total.status == Status.SENT)
            label: dict[str, Any] = {
                "name": name,
                "label": localized(spec.label),
                "upstream": localized(spec.upstream.label),
            }
            came, said = expected.get(name, (0, None))
            label |= {"came": number(came), "said": None if said is None else number(said), "short": came < (said or 0)}
            types.append({**label, "icon": spec.icon, "sent": number(sent), "n": number(n), "all": sent == n})
    return types
