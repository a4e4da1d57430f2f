"""Records that the ministry would refuse, or that would reach it without meaning, are refused at the door."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config.shipped import catalog, problems

SCORE = {"kind": "pain_score", "value": 3.5, "unit": None}
CODED = {"kind": None, "value": 90, "unit": "mg/dL", "code": {"code": "2339-0"}}
BLANK = "  \t "


def refused_at(spec: str, **changed: Any) -> list[str]:
    """Return the paths that are refused in the entry's example with other values; None takes a value away."""
    entry = catalog().specs[spec]
    values = {**entry.example, **changed}
    record = {name: value for name, value in values.items() if value is not None}
    return sorted({problem.path for problem in problems(entry, record)})


@pytest.mark.parametrize(
    ("spec", "changed", "path"),
    [
        ("MedicationRequest", {"dosage": None}, "$"),
        ("MedicationRequest", {"dosage": {"text": BLANK}}, "$.dosage.text"),
        ("MedicationRequest", {"dosage": {"text": "x", "when": ["noon"]}}, "$.dosage.when[0]"),
        ("MedicationDispense", {"part": 1}, "$.part"),
        ("Observation", SCORE, "$.value"),
        ("Observation", {**SCORE, "value": 11}, "$.value"),
        ("Observation", {"value": None, "unit": None, "value_text": BLANK}, "$.value_text"),
        ("Condition", {"note": BLANK}, "$.note"),
        ("Composition", {"diet": BLANK}, "$.diet"),
        ("Patient", {"birth_date": "1990-13-45"}, "$.birth_date"),
        ("Encounter", {"arrived_at": "2026-02-30T08:00"}, "$.arrived_at"),
        ("TambahAntrean", {"date": "2026-02-30"}, "$.date"),
        ("LabResult", {"unit": "juta/uL"}, "$.unit"),
        ("Observation", {**CODED, "unit": "mmHg"}, "$.unit"),
        ("Observation", {**CODED, "code": {"code": "2339-1"}}, "$.code.code"),
        ("Observation", {**CODED, "code": {"code": "2339-0", "system": "http://loinc"}}, "$.code.system"),
        ("Condition", {"snomed": {"code": "276036007"}}, "$.snomed.code"),
        ("AllergyIntolerance", {"substance": {"code": "2671430031"}}, "$.substance.code"),
    ],
)
def test_a_record_without_sense_is_refused_where_it_is_wrong(spec: str, changed: dict[str, Any], path: str) -> None:
    assert refused_at(spec, **changed) == [path]


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        ("Observation", {**SCORE, "value": 3}),
        ("Observation", CODED),
        ("AllergyIntolerance", {"substance": {"system": "kfa", "code": "91000101"}}),
        ("Condition", {"note": ""}),
        ("MedicationDispense", {"part": 2}),
    ],
)
def test_an_empty_note_and_whole_numbers_are_taken(spec: str, changed: dict[str, Any]) -> None:
    assert refused_at(spec, **changed) == []
