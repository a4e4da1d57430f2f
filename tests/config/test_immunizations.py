"""Immunizations: recognised without an identifier, and refused at the door if the ministry would refuse them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.specs.record_type import Reference
from tests.config.shipped import catalog, problems, scope

SPEC = catalog().specs["Immunization"]
CODE = "93099001"  # of the example's vaccine
OURS = {
    "encounter": {"reference": "Encounter/3f1c8a52-6d0e-4b7a-9a41-000000003001"},
    "occurrenceDateTime": "2026-03-10T01:55:00+00:00",
    "vaccineCode": {"coding": [{"code": CODE}, {"code": "VG17"}]},
    "protocolApplied": [{"doseNumberPositiveInt": 1}],
    "lotNumber": "UJI2026A",
}


def match(candidate: dict[str, Any], example: str = "example") -> Any:
    assert SPEC.find is not None
    assert SPEC.find.match is not None
    record = {"example": SPEC.example, **SPEC.examples}[example]
    return SPEC.find.match.render({**scope(SPEC, record), "candidate": candidate})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, True),
        ({"occurrenceDateTime": "2026-03-10T01:55:00Z"}, True),
        ({"occurrenceDateTime": "2026-03-10T01:56:00+00:00"}, False),
        ({"protocolApplied": [{"doseNumberPositiveInt": 2}]}, False),
        ({"vaccineCode": {"coding": [{"code": "93001283"}]}}, False),
        ({"vaccineCode": None}, False),
        ({"lotNumber": "UJI2026B"}, None),
        ({"lotNumber": None}, None),
        ({"encounter": {"reference": "Encounter/another"}, "occurrenceDateTime": "2026-03-10"}, False),
        ({"encounter": None}, None),
        ({"encounter": None, "lotNumber": "UJI2026B"}, False),
        ({"encounter": None, "lotNumber": None, "occurrenceDateTime": "2022"}, False),
    ],
)
def test_it_is_known_by_visit_vaccine_dose_time_and_lot(changes: dict[str, Any], verdict: bool | None) -> None:
    candidate = {name: value for name, value in {**OURS, **changes}.items() if value is not None}
    assert match(candidate) is verdict


def test_a_dose_from_memory_is_known_without_a_lot() -> None:
    remembered = {**OURS, "occurrenceDateTime": "2026-01-12T02:00:00+00:00"}
    del remembered["lotNumber"]
    assert match(remembered, "history") is True


@pytest.mark.parametrize(
    ("example", "changes"),
    [
        *(("example", {name: None}) for name in ("batch", "expires", "location_id", "reason", "dose_number")),
        ("example", {"dose_number": 0}),
        ("example", {"dose_ml": 0}),
        ("example", {"not_done_reason": "MEDPREC"}),
        ("example", {"batch": ""}),
        ("example", {"expires": "2027-06"}),
        ("history", {"location_id": None}),
        ("not_done", {"not_done_reason": None}),
        ("not_done", {"report_origin": "recall"}),
    ],
)
def test_an_incomplete_one_is_refused_at_the_door(example: str, changes: dict[str, Any]) -> None:
    record = {**{"example": SPEC.example, **SPEC.examples}[example]}
    assert not problems(SPEC, record)
    changed = {name: value for name, value in {**record, **changes}.items() if value is not None}
    assert problems(SPEC, changed)


def test_a_vaccine_that_the_table_does_not_know_is_sent_with_its_kfa_code_alone() -> None:
    record = {name: value for name, value in SPEC.example.items() if name not in ("vaccine_groups", "cvx")}
    assert SPEC.payload is not None
    seen = scope(SPEC, record)
    assert [one["code"] for one in SPEC.payload.render(seen)["vaccineCode"]["coding"]] == [CODE]
    seen["needs"]["product"] = {**seen["needs"]["product"], "reference": "93005779"}
    assert [one["code"] for one in SPEC.payload.render(seen)["vaccineCode"]["coding"]] == ["93005779", "VG03"]


def test_only_a_product_is_accepted_as_a_vaccine() -> None:
    [product] = [need for need in SPEC.needs if need.name == "product"]
    assert product.accepts(Reference("93099001", {"level": "93"}))
    assert not product.accepts(Reference("92099001", {"level": "92"}))
