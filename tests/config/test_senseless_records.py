"""Records that the ministry would refuse, or that would reach it without meaning, are refused at the door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from admin.text.words import english
from engine.specs.checks import warnings, with_tomorrow
from engine.specs.context import context
from tests.config.shipped import FACILITY, catalog, problems

SCORE = {"kind": "pain_score", "value": 3.5, "unit": None}
CODED = {"kind": None, "value": 90, "unit": "mg/dL", "code": {"code": "2339-0"}}
EARLIER = "2026-01-01T08:00:00+07:00"
LATE = {"observation_id": "OB-1", "began_at": "2026-12-31T08:00:00+07:00"}
UNMEASURED = {"diastolic": 0, "weight": 60, "height": 0, "respiratory_rate": 20, "waist": 0, "heart_rate": 84}
VITALS = {**UNMEASURED, "systolic": 1200}
BLANK = "  \t "


def changed_example(spec: str, changed: dict[str, Any]) -> dict[str, Any]:
    """Return the entry's example with other values; None takes a value away."""
    values = {**catalog().specs[spec].example, **changed}
    return {name: value for name, value in values.items() if value is not None}


def refused_at(spec: str, **changed: Any) -> list[str]:
    """Return the paths that are refused in the changed example."""
    return sorted({problem.path for problem in problems(catalog().specs[spec], changed_example(spec, changed))})


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
        ("Encounter", {"triaged_at": EARLIER}, "$.triaged_at"),
        ("Encounter", {"status": "in-progress", "in_progress_at": EARLIER}, "$.in_progress_at"),
        ("Encounter", {"status": "cancelled", "cancelled_at": EARLIER}, "$.cancelled_at"),
        ("EpisodeOfCare", {"status": "finished", "ended_at": EARLIER}, "$.ended_at"),
        ("Procedure", {"ended_at": EARLIER}, "$.ended_at"),
        ("Condition", {"onset_at": "2026-03-10T09:00", "recorded_at": "2026-03-10T08:59"}, "$.recorded_at"),
        ("MedicationRequest", {"valid_until": EARLIER}, "$.valid_until"),
        ("MedicationDispense", {"handed_over_at": EARLIER}, "$.handed_over_at"),
        ("MedicationAdministration", {"given_until": EARLIER}, "$.given_until"),
        ("Immunization", {"expires": EARLIER[:10]}, "$.expires"),
        ("Immunization", {"reactions": [LATE, {**LATE, "began_at": EARLIER}]}, "$.reactions[1].began_at"),
        ("Specimen", {"received_at": EARLIER}, "$.received_at"),
        ("Specimen", {"processing": [{"code": "9265001", "done_at": EARLIER}]}, "$.processing[0].done_at"),
        ("Patient", {"birth_date": "2026-03-11"}, "$.birth_date"),
        ("TambahKunjungan", {"left_on": EARLIER[:10]}, "$.left_on"),
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
        ("Observation", {"kind": "systolic", "value": 9999, "unit": None}),
        ("Patient", {"birth_date": "2026-03-10"}),
        ("AllergyIntolerance", {"substance": {"system": "kfa", "code": "91000101"}}),
        ("Condition", {"note": ""}),
        ("MedicationDispense", {"part": 2}),
    ],
)
def test_an_empty_note_and_whole_numbers_are_taken(spec: str, changed: dict[str, Any]) -> None:
    assert refused_at(spec, **changed) == []


@pytest.mark.parametrize(
    ("spec", "changed", "warned"),
    [
        ("Observation", {"kind": "systolic", "value": 9999}, ["$.value: 9999 mm[Hg] is not between 40 and 300"]),
        ("Observation", {"kind": "temperature", "value": 400}, ["$.value: 400 Cel is not between 25 and 45"]),
        ("Observation", {"kind": "temperature", "value": 36.5}, []),
        ("Observation", CODED, []),
        ("LabResult", {"issued_at": EARLIER}, ["$.issued_at: is before observed_at"]),
        ("TambahKunjungan", {"temperature": 366}, ["$.temperature: 366 is not between 25 and 45"]),
        ("TambahKunjungan", {"vitals": VITALS}, ["$.vitals.systolic: 1200 is not between 40 and 300"]),
    ],
)
def test_what_is_hardly_possible_is_taken_with_a_warning(spec: str, changed: dict[str, Any], warned: list[str]) -> None:
    entry = catalog().specs[spec]
    assert list(map(english, warnings(entry, context(entry, changed_example(spec, changed), FACILITY)))) == warned


@pytest.mark.parametrize(("observed_at", "warned"), [("2026-03-12 08:00", True), ("2026-03-11 08:00", False)])
def test_a_time_far_in_the_future_is_taken_with_a_warning(observed_at: str, warned: bool) -> None:
    entry = catalog().specs["Observation"]
    record = changed_example("Observation", {"observed_at": observed_at, "issued_at": observed_at})
    now = int(datetime(2026, 3, 10, 9, tzinfo=UTC).timestamp() * 1000)
    found = map(english, warnings(entry, with_tomorrow(context(entry, record, FACILITY), now)))
    assert list(found) == (["$.observed_at: is more than a day in the future"] if warned else [])
