"""Fields whose values a rule may replace: none that says whose record it is, and no code of a drug."""

from __future__ import annotations

import pytest

from engine.value_rules.fields import NoRule, field_of, fields_of, keeps_identity, refusal
from tests.config.shipped import catalog

FACILITY = {"code": "klinik", "name": "Klinik", "time_zone": "Asia/Jakarta", "organization_id": "1"}
MAPPED = catalog().mapped_lists
REFUSED = [
    ("Patient", "norm", NoRule.IDENTITY),
    ("Patient", "nik", NoRule.IDENTITY),
    ("Patient", "name", NoRule.IDENTITY),
    ("Patient", "birth_date", NoRule.IDENTITY),
    ("Patient", "passport", NoRule.IDENTITY),
    ("Patient", "gender", NoRule.IDENTITY),  # a patient without a number is found by it
    ("RelatedPerson", "nik", NoRule.IDENTITY),
    ("Patient", "phone", NoRule.IDENTITY),
    ("Organization", "name", NoRule.IDENTITY),  # it is searched for by its name
    ("Observation", "id", NoRule.IDENTITY),
    ("Observation", "visit_id", NoRule.IDENTITY),
    ("Observation", "practitioner_id", NoRule.IDENTITY),
    ("Observation", "status", NoRule.WITHDRAWAL),
    ("MedicationRequest", "product", NoRule.CODE),
    ("MedicationRequest", "compound.ingredients[].product", NoRule.CODE),
    ("MedicationDispense", "product", NoRule.CODE),
    ("Immunization", "product", NoRule.CODE),
    ("AllergyIntolerance", "substance.code", NoRule.CODE),
    ("LabResult", "test", NoRule.CODE),
    ("Observation", "nothing", NoRule.UNKNOWN),
]


@pytest.mark.parametrize(("spec", "place", "why"), REFUSED)
def test_what_tells_records_patients_and_drugs_apart_is_refused(spec: str, place: str, why: NoRule) -> None:
    entry = catalog().specs[spec]
    assert refusal(entry, field_of(entry, place), MAPPED) == why
    assert place not in [field.place for field in fields_of(entry, MAPPED)]


@pytest.mark.parametrize(
    ("spec", "place"),
    [("Observation", "unit"), ("Observation", "value_code.code"), ("Patient", "address.city"), ("Condition", "note")],
)
def test_other_values_may_be_replaced(spec: str, place: str) -> None:
    assert place in [field.place for field in fields_of(catalog().specs[spec], MAPPED)]


def test_no_example_becomes_another_record_by_a_field_that_is_offered() -> None:
    for spec in catalog().specs.values():
        for field in fields_of(spec, MAPPED):
            name = field.place.split(".")[0].removesuffix("[]")
            if name in spec.example and not isinstance(spec.example[name], dict | list):
                changed = {**spec.example, name: field.choices[0] if field.choices else "x"}
                assert keeps_identity(spec, spec.example, changed, FACILITY), f"{spec.name}.{field.place}"
