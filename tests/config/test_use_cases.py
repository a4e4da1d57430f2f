"""Use cases that ship: their pages are current, and each says what is missing from a visit."""

from __future__ import annotations

from typing import Any

import pytest

from engine.specs.use_case import lacking, recognised, visit_names
from tests.config.shipped import PAGES, catalog, use_case_pages


def visit(**more: Any) -> dict[str, Any]:
    return {"id": "RJ-1", "norm": "RM-1", "status": "arrived", "arrived_at": "2026-03-10T08:00", **more}


def kinds(record: dict[str, Any], **records: list[dict[str, Any]]) -> list[str]:
    """Return the use cases that a visit is of."""
    names = visit_names(catalog().specs, "Encounter", {**records, "Encounter": [record]})
    return [name for name, one in catalog().use_cases.items() if recognised(one, names)]


def test_the_pages_are_those_of_the_configuration() -> None:
    """`python -m tests.config.golden` writes them again."""
    assert {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")} == use_case_pages()


def lacks(record: dict[str, Any], **records: list[dict[str, Any]]) -> set[str]:
    """Return the names of what an outpatient visit lacks."""
    names = visit_names(catalog().specs, "Encounter", {**records, "Encounter": [record]})
    return {lack.requirement.name for lack in lacking(catalog().use_cases["outpatient"], names)}


def test_blood_pressure_is_demanded_of_an_adults_visit_but_not_of_an_infants_or_of_a_vaccination() -> None:
    pressure = {"systolic", "diastolic"}
    assert lacks(visit()) >= pressure
    assert lacks(visit(programmes=["elderly"])) >= pressure
    assert lacks(visit(programme_visit="KN2")).isdisjoint(pressure)
    assert lacks(visit(), Immunization=[{"id": "IMU-1"}]).isdisjoint(pressure)


@pytest.mark.parametrize("name", catalog().use_cases)
def test_an_example_day_is_complete_in_every_use_case_that_it_is_of(name: str) -> None:
    specs, example = catalog().specs, catalog().use_cases[name].example
    records = {kind: several for kind, several in example.records.items() if kind in specs}
    names = visit_names(specs, "Encounter", records)
    of = [one for one in catalog().use_cases.values() if recognised(one, names)]
    assert [(one.name, lack.requirement.name) for one in of for lack in lacking(one, names)] == []


@pytest.mark.parametrize(
    ("record", "records", "expected"),
    [
        (visit(), {}, ["outpatient"]),
        (visit(), {"TambahPendaftaran": [{"id": "PD-1"}]}, ["outpatient_bpjs"]),
        (visit(), {"MedicationRequest": [{"id": "RX-1"}]}, ["outpatient", "pharmacy"]),
        (visit(**{"class": "EMER"}), {}, ["emergency"]),
        (visit(**{"class": "VR"}), {}, ["telemedicine"]),
        (visit(programme_visit="K1A"), {}, ["antenatal", "outpatient"]),
        (visit(programme_visit="KN2"), {}, ["neonatal", "outpatient"]),
        (visit(programmes=["dental", "elderly"]), {}, ["dental", "elderly", "outpatient"]),
        (visit(), {"ServiceRequest": [{"id": "R-1", "kind": "imaging"}]}, ["outpatient"]),
        (visit(), {"ServiceRequest": [{"id": "R-1", "kind": "referral"}]}, ["outpatient", "referral"]),
    ],
)
def test_a_visit_is_recognised_by_what_was_handed_in(
    record: dict[str, Any], records: dict[str, list[dict[str, Any]]], expected: list[str]
) -> None:
    assert kinds(record, **records) == expected


def test_what_a_visit_lacks_is_told_with_its_number() -> None:
    outpatient = catalog().use_cases["outpatient"]
    records = {
        "Encounter": [visit()],
        "Condition": [{"id": "DX-1", "kind": "complaint"}],
        "Observation": [{"id": "O-1", "kind": "systolic"}, {"id": "O-2", "kind": "pain_score"}],
    }
    lacks = lacking(outpatient, visit_names(catalog().specs, "Encounter", records))
    assert [(lack.requirement.name, lack.found) for lack in lacks] == [
        ("visit", 0),
        ("diastolic", 0),
        ("temperature", 0),
        ("diagnosis", 0),
        ("summary", 0),
    ]


def test_what_may_be_there_is_never_missed() -> None:
    outpatient = catalog().use_cases["outpatient"]
    optional = {one.name: one.spec for one in outpatient.requirements if not one.least}
    assert optional == {"impression": "ClinicalImpression", "plan": "CarePlan", "goal": "Goal"}
    assert optional.keys().isdisjoint(lacks(visit()))
