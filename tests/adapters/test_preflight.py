"""Pre-flight check: reports with its place what FHIR R4 and SatuSehat's JSON rules do not allow."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.satusehat.preflight import MAX_PROBLEMS, check
from admin.text.words import sentence, speaking

VISIT: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "subject": {"reference": "Patient/P01234567890"},
    "period": {"start": "2026-03-10T01:00:00+00:00", "end": "2026-03-10T02:30:00Z"},
    "length": {"value": 90, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"},
    "diagnosis": [{"condition": {"reference": "Condition/1"}, "rank": 1}],
    "statusHistory": [{"status": "arrived", "period": {"start": "2026-03-10T01:00:00.5+07:00"}}],
}

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"status": ...}, "$.status", "is missing; Encounter requires it"),
    ({"class": ...}, "$.class", "is missing; Encounter requires it"),
    ({"status": "selesai"}, "$.status", "must be one of planned, arrived, triaged, in-progress"),
    ({"status": 1}, "$.status", "must be one of"),
    ({"status": ""}, "$.status", "must not be empty; leave it out"),
    ({"status": None}, "$.status", "must not be empty; leave it out"),
    ({"period": {}}, "$.period", "must not be empty; leave it out"),
    ({"diagnosis": []}, "$.diagnosis", "must not be empty; leave it out"),
    ({"subject": {"reference": ""}}, "$.subject.reference", "must not be empty; leave it out"),
    ({"identifier": [{"system": "", "value": "1"}]}, "$.identifier[0].system", "must not be empty; leave it out"),
    ({"subject": [{"reference": "Patient/1"}]}, "$.subject", "must be an object, not a list"),
    ({"identifier": {"value": "1"}}, "$.identifier", "must be a list, not an object"),
    ({"subject": {"Reference": "Patient/1"}}, "$.subject.Reference", "did you mean reference?"),
    ({"periode": {"start": "x"}}, "$.periode", "is no element of Encounter; did you mean period?"),
    ({"length": {"value": "90"}}, "$.length.value", "must be a number, not a text"),
    ({"period": {"start": "2026-03-10"}}, "$.period.start", "must be a full date-time such as"),
    ({"period": {"start": "2026-03-10T08:00:00"}}, "$.period.start", "must be a full date-time such as"),
    ({"period": {"start": "2026-13-10T08:00:00Z"}}, "$.period.start", "must be a full date-time such as"),
    ({"period": {"start": "2026-02-30T08:00:00Z"}}, "$.period.start", "must be a full date-time such as"),
    ({"statusHistory": [{"status": "arrived"}]}, "$.statusHistory[0].period", "Encounter.StatusHistory requires it"),
    ({"diagnosis": [{"condition": {"reference": "x"}, "rank": 0}]}, "$.diagnosis[0].rank", "less than the minimum"),
    ({"diagnosis": [{"condition": {"reference": "x"}, "rank": 1.5}]}, "$.diagnosis[0].rank", "must be a whole number"),
    ({"subject": {"display": "  "}}, "$.subject.display", "must not be empty"),
    ({"id": "a b"}, "$.id", "must be an id"),
    ({"class": {"code": " AMB"}}, "$.class.code", "must be a code: no blanks around it"),
    ({"resourceType": "Encountr"}, "$.resourceType", "'Encountr' is no resource type of FHIR R4"),
    ({"resourceType": "Period"}, "$.resourceType", "'Period' is no resource type of FHIR R4"),
    ({"resourceType": ...}, "$.resourceType", "is missing; name the type as FHIR spells it"),
    ({"contained": [{"resourceType": "Patient", "gender": "L"}]}, "$.contained[0].gender", "must be one of male"),
]  # fmt: skip

CHOICES: list[tuple[dict[str, Any], str, str]] = [
    ({"birthDate": "2026-02-30"}, "$.birthDate", "must be a date"),
    ({"multipleBirthInteger": 1.5}, "$.multipleBirthInteger", "must be a whole number, not a number"),
    ({"deceasedDateTime": "2026-03-10"}, "$.deceasedDateTime", "must be a full date-time such as"),
    ({"deceasedDateTime": "2026-02-30T08:00:00Z"}, "$.deceasedDateTime", "must be a full date-time such as"),
    (
        {"deceasedBoolean": True, "deceasedDateTime": "2026-03-10T08:00:00Z"},
        "$",
        "only one of deceasedBoolean",
    ),
]


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    payload = copy.deepcopy(VISIT) | changes
    return {name: value for name, value in payload.items() if value is not ...}


def test_a_valid_payload_has_no_problems() -> None:
    assert check(VISIT) == []


@pytest.mark.parametrize(("changes", "path", "message"), FAULTS)
def test_a_fault_is_told_once_with_its_place(changes: dict[str, Any], path: str, message: str) -> None:
    problems = check(changed(changes))
    assert [problem.path for problem in problems] == [path]
    with speaking("en"):
        assert message in sentence(problems[0].message)


@pytest.mark.parametrize(("changes", "path", "message"), CHOICES)
def test_a_choice_takes_one_element_and_each_is_of_its_type(changes: dict[str, Any], path: str, message: str) -> None:
    [problem] = check({"resourceType": "Patient", **changes})
    with speaking("en"):
        assert (problem.path, message in sentence(problem.message)) == (path, True), problem


def test_all_faults_are_told_up_to_a_limit() -> None:
    problems = check(changed({"status": "x", "foo": 1, "diagnosis": []}))
    assert {problem.path for problem in problems} == {"$.status", "$.foo", "$.diagnosis"}
    assert len(check(changed({"identifier": [{"x": 1}] * 100}))) == MAX_PROBLEMS


@pytest.mark.parametrize("payload", [None, [], "text", 1, {}, {"resourceType": 1}])
def test_what_is_no_resource_is_told_at_its_type(payload: Any) -> None:
    assert [problem.path for problem in check(payload)] == ["$.resourceType"]


def test_a_choice_that_fhir_requires_is_named() -> None:
    payload = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"}}
    [problem] = check(payload)
    assert problem.path == "$"
    with speaking("en"):
        said = sentence(problem.message)
    assert said == "needs exactly one of medicationCodeableConcept, medicationReference"


def test_resources_of_a_bundle_are_checked_too() -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": changed({"status": "x"})}]}
    assert [problem.path for problem in check(bundle)] == ["$.entry[0].resource.status"]


def test_every_example_of_the_reference_passes() -> None:
    files = sorted((Path(__file__).parent.parent / "golden" / "reference").glob("*.json"))
    assert len(files) > 10
    problems_by_file = {file.name: check(json.loads(file.read_bytes())) for file in files}
    assert {name: problems for name, problems in problems_by_file.items() if problems} == {}


def test_a_check_costs_far_less_than_a_millisecond() -> None:
    check(VISIT)
    started = time.thread_time()
    for _ in range(100):
        check(VISIT)
    assert (time.thread_time() - started) / 100 < 0.000_5


def test_a_json_patch_is_no_resource_and_not_checked() -> None:
    assert check([{"op": "replace", "path": "/status", "value": "finished"}]) == []
