"""One patient: who it is, numbers masked, and the visits with a mark for each type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any

import orjson
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import MAX_INTEGER, Place
from admin.pages.visits.marks import delivery_view
from admin.pages.visits.opened import OPENED, OpenClinic, Opened
from admin.pages.visits.rows import visit_rows
from admin.text.words import localized, say
from engine.identifiers import masked
from engine.queries import patients, visits
from engine.queries.paging import Cursor
from engine.queries.patients import TellingRecord
from engine.specs.context import context, optional_text
from engine.specs.record_type import Spec

PAGE_SIZE = 20
PatientId = Annotated[int, PathParameter(ge=1, le=MAX_INTEGER)]


@get("/pasien/{patient:int}", opt={"right": Right.PANEL}, dependencies=OPENED)
async def patient_page(clinic: Opened, patient: PatientId, after: Place = None) -> Template:
    """Show the patient with the visits, the newest first."""
    hub, facility = clinic.hub, clinic.facility
    norm = await patients.norm_of(hub.database, facility.id, patient)
    if norm is None:
        raise NotFoundException(say("error.not_found"))
    cursor = Cursor.read(after) if after else None
    before = (cursor.date, cursor.id) if cursor else None
    found = await visits.visits_of_patient(hub.database, facility.id, norm, PAGE_SIZE + 1, before)
    rows = await visit_rows(clinic, found[:PAGE_SIZE])
    last = found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
    page = {
        "frame": clinic.layout,
        "norm": norm,
        "rows": rows,
        "next": str(Cursor(last.day, last.id)) if last is not None and last.day else "",
        "first": cursor is None,
        "patient": patient,
        **await _head(clinic, norm),
    }
    return Template("visits/patient.html", context=page)


async def _head(clinic: OpenClinic, norm: str) -> dict[str, Any]:
    """Return name, age, masked numbers, and the records of the patient that belong to no visit."""
    hub, facility = clinic.hub, clinic.facility
    specs = [spec for spec in hub.catalog.specs.values() if spec.patient_birth_date or spec.patient_numbers]
    records = await patients.telling_records(hub.database, facility.id, norm, [spec.name for spec in specs])
    scopes = [(hub.catalog.specs[row.spec], _scope(clinic, row)) for row in records]
    born = next(filter(None, (optional_text(spec.patient_birth_date, scope) for spec, scope in scopes)), "")
    own = await patients.records_without_visit(hub.database, facility.id, norm)
    return {
        "name": next((row.patient_name for row in records if row.patient_name), None),
        "age": _age(born, clinic),
        "numbers": list(dict.fromkeys(_numbers(scopes))),
        "own": [
            {"type": localized(spec.label), "type_icon": spec.icon, **delivery_view(clinic.layout, spec, row)}
            for row in own
            if (spec := hub.catalog.specs.get(row.spec)) is not None
        ],
    }


def _scope(clinic: OpenClinic, row: TellingRecord) -> dict[str, Any]:
    return context(clinic.hub.catalog.specs[row.spec], orjson.loads(row.record), clinic.facility)


def _numbers(scopes: Sequence[tuple[Spec, dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    """Yield (label, masked number) of what the records tell."""
    for spec, scope in scopes:
        for number in spec.patient_numbers:
            if text := optional_text(number.value, scope):
                yield localized(number.label), masked(text)


def _age(born: str, clinic: OpenClinic) -> str:
    """Return the age in words, empty if the date of birth is not known."""
    try:
        birth = date.fromisoformat(born[:10])
    except ValueError:
        return ""
    today = clinic.facility.local(clinic.hub.database.clock()).date()
    months = (today.year - birth.year) * 12 + today.month - birth.month - (today.day < birth.day)
    if months < 0:
        return ""
    return say("patient.years", n=months // 12) if months >= 24 else say("patient.months", n=months)
