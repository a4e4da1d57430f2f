"""*Belum diserahkan*: visits that should have something that the clinic's system has never handed in."""

from __future__ import annotations

import re
from typing import Annotated, Any

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Template

from admin.http.access import Right
from admin.pages.shared.formatting import day
from admin.pages.visits.marks import cases_of, lacks_of
from admin.pages.visits.opened import OPENED, OpenClinic, Opened
from admin.text.words import number
from engine.queries import completeness, patients
from engine.queries.visits import StoredVisit

PAGE_SIZE = 50
PLACE = re.compile(r"(\d{1,15})\.(\d{1,15})", re.ASCII)
Position = Annotated[str | None, QueryParameter(pattern=rf"^{PLACE.pattern}$")]


@get("/kunjungan/belum-diserahkan", opt={"right": Right.PANEL}, dependencies=OPENED)
async def absent_page(clinic: Opened, after: Position = None) -> Template:
    """Show these visits with what each lacks, the last to become overdue first."""
    hub, facility = clinic.hub, clinic.facility
    match, now = PLACE.fullmatch(after or ""), hub.database.clock()
    place = (int(match[1]), int(match[2])) if match else None
    found = await completeness.overdue_visits(hub.database, facility.id, now, PAGE_SIZE + 1, place)
    page = found[:PAGE_SIZE]
    ids = await patients.patient_ids(hub.database, facility.id, [row.patient_norm for row in page if row.patient_norm])
    names = await patients.names_of(hub.database, [row.delivery_id for row in page if row.delivery_id])
    count = await completeness.count_overdue(hub.database, facility.id, now)
    context = {
        "frame": clinic.layout,
        "tab": "absent",
        "this_month": clinic.month,
        "rows": [
            {
                **_row(clinic, row, now),
                "patient": ids.get(row.patient_norm or ""),
                "name": names.get(row.delivery_id or 0),
            }
            for row in page
        ],
        "n": f"{number(count.n)}+" if count.more else number(count.n),
        "next": f"{page[-1].lacks_from}.{page[-1].id}" if len(found) > PAGE_SIZE else "",
        "first": place is None,
    }
    return Template("visits/absent.html", context=context)


def _row(clinic: OpenClinic, visit: StoredVisit, now: int) -> dict[str, Any]:
    lacks = lacks_of(clinic.hub.catalog, clinic.layout, visit, now)
    return {
        "id": visit.id,
        "key": visit.key,
        "day": day(visit.day) if visit.day else "",
        "norm": visit.patient_norm,
        "cases": cases_of(clinic.hub.catalog, visit),
        "lacks": [lack for lack in lacks if lack.overdue],
    }
