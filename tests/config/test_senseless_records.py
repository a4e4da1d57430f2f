"""Records that the ministry would refuse, or that would reach it without meaning, are refused at the door."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from tests.config.shipped import catalog

SCORE = {"kind": "pain_score", "value": 3.5, "unit": None}
BLANK = "  \t "


def refused_at(spec: str, **changed: Any) -> list[str]:
    """Return the paths that are refused in the entry's example with other values; None takes a value away."""
    entry = catalog().specs[spec]
    values = {**entry.example, **changed}
    record = {name: value for name, value in values.items() if value is not None}
    errors = jsonschema_rs.Draft202012Validator(dict(entry.record_schema)).iter_errors(record)
    return sorted({"".join(f"/{step}" for step in error.instance_path) for error in errors})


@pytest.mark.parametrize(
    ("spec", "changed", "path"),
    [
        ("MedicationRequest", {"dosage": None}, ""),
        ("MedicationRequest", {"dosage": {"text": BLANK}}, "/dosage/text"),
        ("MedicationRequest", {"dosage": {"text": "x", "when": ["noon"]}}, "/dosage/when/0"),
        ("MedicationDispense", {"part": 1}, "/part"),
        ("Observation", SCORE, "/value"),
        ("Observation", {**SCORE, "value": 11}, "/value"),
        ("Observation", {"value": None, "unit": None, "value_text": BLANK}, "/value_text"),
        ("Condition", {"note": BLANK}, "/note"),
        ("Composition", {"diet": BLANK}, "/diet"),
    ],
)
def test_a_record_without_sense_is_refused_where_it_is_wrong(spec: str, changed: dict[str, Any], path: str) -> None:
    assert refused_at(spec, **changed) == [path]


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        ("Observation", {**SCORE, "value": 3}),
        ("Condition", {"note": ""}),
        ("MedicationDispense", {"part": 2}),
    ],
)
def test_an_empty_note_and_whole_numbers_are_taken(spec: str, changed: dict[str, Any]) -> None:
    assert refused_at(spec, **changed) == []
