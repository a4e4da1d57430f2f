"""Visits as rows: of a patient, or of a day; each with a mark for each type that it has or lacks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from admin.pages.shared.formatting import day
from admin.pages.visits.marks import OVERDUE, WITHDRAWN, Mark, cases_of, lacks_of, mark_of
from admin.pages.visits.opened import OpenClinic
from engine.delivery.status import Status
from engine.queries import visits
from engine.queries.visits import ENDED, StoredVisit


async def visit_rows(clinic: OpenClinic, found: Sequence[StoredVisit]) -> list[dict[str, Any]]:
    """Return the visits as rows, in their order."""
    hub, facility = clinic.hub, clinic.facility
    deliveries = await visits.deliveries_of(hub.database, facility.id, [visit.id for visit in found])
    of_visit = {id_: list(rows) for id_, rows in groupby(deliveries, attrgetter("visit_id"))}
    rows, visit_types = [], hub.catalog.visit_types
    for visit in found:
        mine = of_visit.get(visit.id, [])
        lacks = lacks_of(hub.catalog, clinic.layout, visit, hub.database.clock())
        marks: dict[str, Mark] = {}
        for name, spec in hub.catalog.specs.items():
            of_type = [row for row in mine if row.spec == name]
            missing = [lack for lack in lacks if lack.spec == name]
            if (mark := mark_of(clinic.layout, spec, of_type, missing)) is not None:
                marks[name] = mark
        rows.append(
            {
                "id": visit.id,
                "key": visit.key,
                "day": day(visit.day) if visit.day else "",
                "norm": visit.patient_norm,
                "name": next((row.patient_name for row in mine if row.patient_name), None),
                "cases": cases_of(hub.catalog, visit),
                "marks": marks,
                "withdrawn": any(mark.state == WITHDRAWN for name, mark in marks.items() if name in visit_types),
                "complete": not lacks and all(row.status in ENDED for row in mine),
                "failed": sum(1 for row in mine if row.status == Status.FAILED),
                "lacks": len(lacks),
                "overdue": any(mark.state == OVERDUE for mark in marks.values()),
            }
        )
    return rows
