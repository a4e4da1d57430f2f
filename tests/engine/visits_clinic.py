"""The small hub with visits: what belongs to one is declared, and a use case says what it needs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from engine.maintenance.visit_review import VisitReview
from engine.queries import visits
from engine.queries.visits import StoredVisit
from tests.engine.small_hub import AT, CATALOG, SmallHub, no_sleep

USE_CASES = """
use_cases:
  treated:
    label: {id: Diperiksa, en: Examined}
    visit: Visit
    when: "{{ record.done }}"
    since: "{{ record.at }}"
    within_hours: 24
    needs:
      finding: {type: Finding, label: {id: Temuan dokter, en: Finding of the doctor}}
    example:
      uses: [Person]
      records:
        Visit: [{id: V9, at: "2026-03-10T08:00:00+07:00", done: true}]
        Finding: [{id: F9, visit: V9, at: "2026-03-10T08:00:00+07:00"}]
"""
VISITS_CATALOG = (
    CATALOG.replace(
        '    find: {path: /Person, query: {nik: "{{ record.nik }}"}}\n',
        '    find: {path: /Person, query: {nik: "{{ record.nik }}"}}\n'
        '    patient: {norm: "{{ record.id }}", identifiers: {nik: {label: NIK, value: "{{ record.nik }}"}}}\n',
    )
    .replace(
        '    patient: {norm: "{{ record.person }}"}\n',
        '    patient: {norm: "{{ record.person }}"}\n    visit: "{{ record.id }}"\n',
    )
    .replace(
        '    needs: {visit: {spec: Visit, key: "{{ record.visit }}"}}\n',
        '    needs: {visit: {spec: Visit, key: "{{ record.visit }}"}}\n    visit: "{{ record.visit }}"\n',
    )
    + USE_CASES
)
NIK = "3171010101010001"
DAY = AT[:10]


async def hand_in_visit(antar: SmallHub, *findings: str, key: str = "V1", **more: Any) -> None:
    """Hand in a patient, a visit of that patient that is over, and findings; then let a worker index them."""
    await antar.hand_in("Person", {"id": "RM1", "nik": NIK})
    await antar.hand_in("Visit", {"id": key, "person": "RM1", "done": True, **more})
    await antar.hand_in("Finding", *({"id": finding, "visit": key} for finding in findings))
    await review(antar)


async def review(antar: SmallHub) -> int:
    """Do what a worker does every few seconds: enter what is queued, and review the visits that have changed."""
    await antar.index()
    return await VisitReview(antar.hub.database, lambda: antar.hub.catalog, no_sleep).tick()


async def visit_of(antar: SmallHub, key: str = "V1") -> StoredVisit:
    visit = await visits.visit_by_key(antar.hub.database, antar.facility.id, key)
    assert visit is not None
    return visit


async def keys_of(antar: SmallHub, key: str = "V1") -> list[str]:
    """Return the keys of the deliveries of a visit."""
    visit = await visit_of(antar, key)
    return [row.key for row in await visits.deliveries_of(antar.hub.database, antar.facility.id, [visit.id])]


async def column(antar: SmallHub, query: str) -> list[Any]:
    return [row[0] for row in await antar.hub.database.fetch(text(query))]
