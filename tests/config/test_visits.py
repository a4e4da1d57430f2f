"""Statuses of a visit: the request of each change, and a complete history."""

from __future__ import annotations

from typing import Any

import pytest

from engine.specs.record_type import Operation
from tests.config.shipped import catalog, problems, scope

ARRIVED, STARTED, FINISHED, LEFT = (f"2026-03-10T0{hour}:00:00+00:00" for hour in (1, 2, 3, 4))
VISIT = {
    "id": "V1",
    "norm": "RM-1",
    "practitioner_id": "DR-001",
    "location_id": "R-UMUM-1",
    "arrived_at": "2026-03-10 08:00",
}
DONE = {
    **VISIT,
    "status": "finished",
    "in_progress_at": "2026-03-10 09:00",
    "finished_at": "2026-03-10 10:00",
    "left_at": "2026-03-10 11:00",
    "diagnoses": [{"id": "D1"}, {"id": "D2", "use": "CM"}],
}


def sent(operation: Operation = "create", **changes: Any) -> dict[str, Any]:
    spec = catalog().specs["Encounter"]
    assert spec.payload is not None
    return spec.payload.render(scope(spec, {**VISIT, **changes}, operation))  # type: ignore[no-any-return]


def history(payload: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(one["status"], one["period"]["start"], one["period"].get("end")) for one in payload["statusHistory"]]


def test_an_arrival_is_open_on_all_sides() -> None:
    payload = sent(status="arrived")
    assert history(payload) == [("arrived", ARRIVED, None)]
    assert payload["period"] == payload["location"][0]["period"] == {"start": ARRIVED}
    assert payload.keys().isdisjoint({"id", "diagnosis", "length", "hospitalization"})


def test_a_finished_visit_is_created_as_in_progress_without_diagnoses() -> None:
    payload = sent("create", **DONE)
    assert payload["status"] == "in-progress"
    assert history(payload) == [("arrived", ARRIVED, STARTED), ("in-progress", STARTED, None)]
    assert payload.keys().isdisjoint({"diagnosis", "length", "hospitalization"})
    assert "end" not in payload["period"]


def test_a_finished_visit_is_then_replaced_with_a_closed_history() -> None:
    payload = sent("update", **DONE)
    assert history(payload) == [
        ("arrived", ARRIVED, STARTED),
        ("in-progress", STARTED, FINISHED),
        ("finished", FINISHED, LEFT),
    ]
    assert payload["period"] == {"start": ARRIVED, "end": LEFT}
    assert payload["length"]["value"] == 180
    assert [(one["rank"], one["use"]["coding"][0]["code"]) for one in payload["diagnosis"]] == [(1, "DD"), (2, "CM")]


def test_only_a_finished_visit_is_finished_after_its_creation() -> None:
    spec = catalog().specs["Encounter"]
    assert spec.update is not None
    assert spec.update.after_create is not None
    assert spec.update.after_create.render(scope(spec, DONE)) is True
    assert spec.update.after_create.render(scope(spec, {**VISIT, "status": "arrived"})) is False


def test_diagnoses_are_waited_for_only_on_finishing() -> None:
    spec = catalog().specs["Encounter"]
    assert scope(spec, DONE, "create")["needs"]["diagnoses"] == []
    assert [one["key"] for one in scope(spec, DONE, "update")["needs"]["diagnoses"]] == ["D1", "D2"]
    assert scope(spec, {**DONE, "status": "in-progress"}, "update")["needs"]["diagnoses"] == []


def test_a_cancelled_visit_ends_where_it_was_cancelled() -> None:
    payload = sent("update", status="cancelled", cancelled_at="2026-03-10T09:00:00+07:00")
    assert history(payload) == [("arrived", ARRIVED, STARTED), ("cancelled", STARTED, STARTED)]
    assert payload["period"] == {"start": ARRIVED, "end": STARTED}


def test_an_inpatient_stays_begun_days() -> None:
    payload = sent("update", **{**DONE, "class": "IMP"})
    assert payload["length"] == {"value": 1, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        ({"status": "in-progress"}, "in_progress_at"),
        ({"status": "triaged"}, "triaged_at"),
        ({"status": "cancelled"}, "cancelled_at"),
        ({**DONE, "finished_at": None}, "finished_at"),
        ({**DONE, "diagnoses": None}, "diagnoses"),
    ],
)
def test_a_status_needs_its_time(record: dict[str, Any], missing: str) -> None:
    complete = {name: value for name, value in {**VISIT, **record}.items() if value is not None}
    found = problems(catalog().specs["Encounter"], complete)
    assert [problem.message for problem in found] == [f'"{missing}" is a required property']
