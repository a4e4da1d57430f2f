"""Element rules: required, systems, codes, identifiers, references, dates, empty values, finishing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.conftest import rule_numbers, texts
from tests.sandbox.samples import sample

ICD10 = "http://hl7.org/fhir/sid/icd-10"


def post(api: httpx.Client, name: str, /, **changes: Any) -> httpx.Response:
    content = sample(name, id=None, **changes)
    return api.post(f"/fhir-r4/v1/{content['resourceType']}", json=content)


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize(
    ("name", "element", "number"),
    [
        ("encounter_arrived", "identifier", 10117),
        ("encounter_arrived", "subject", 10118),
        ("encounter_arrived", "participant", 10119),
        ("encounter_arrived", "location", 10120),
        ("encounter_arrived", "statusHistory", 10122),
        ("encounter_arrived", "serviceProvider", 10124),
        ("condition_diagnosis", "code", 10003),
        ("condition_diagnosis", "subject", 10125),
        ("condition_diagnosis", "encounter", 10126),
        ("observation_systolic", "subject", 10129),
        ("observation_systolic", "encounter", 10130),
        ("observation_systolic", "performer", 10383),
        ("procedure", "subject", 10127),
        ("procedure", "encounter", 10128),
        ("procedure", "performer", 10399),
        ("allergy", "patient", 10147),
        ("allergy", "category", 10075),
        ("allergy", "encounter", 10374),
        ("allergy", "recorder", 10375),
        ("composition", "subject", 10131),
        ("composition", "date", 10132),
        ("composition", "author", 10133),
        ("composition", "title", 10134),
        ("organization", "identifier", 10446),
        ("location", "identifier", 10447),
        ("patient_newborn", "multipleBirthInteger", 10167),
        ("patient_newborn", "address", 10333),
        ("patient_newborn", "birthDate", 10397),
        ("patient_newborn", "gender", 10413),
    ],
)
def test_a_missing_element_is_named_by_its_rule(api: httpx.Client, name: str, element: str, number: int) -> None:
    answer = post(api, name, **{element: None})
    assert answer.status_code == 400
    assert rule_numbers(answer) == {number}


@pytest.mark.parametrize(
    ("name", "element"), [("location", "managingOrganization"), ("organization", "name"), ("composition", "section")]
)
def test_an_element_without_a_rule_number_is_still_required(api: httpx.Client, name: str, element: str) -> None:
    assert post(api, name, **{element: None}).json()["issue"][0]["expression"][0].endswith(element)


def test_a_missing_reference_is_said_as_the_platform_says_it(api: httpx.Client) -> None:
    answer = post(api, "encounter_arrived", serviceProvider=None)
    issue = answer.json()["issue"][0]
    assert issue["details"]["text"] == "Reference is mandatory : Encounter.serviceProvider (RuleNumber: 10124)"
    assert issue["expression"] == ["Encounter.serviceProvider"]


def test_an_unmapped_room_counts_as_missing(api: httpx.Client) -> None:
    answer = post(api, "encounter_arrived", location=[{"location": {"reference": "Location/"}}])
    assert 10120 in rule_numbers(answer)


def test_a_foreign_coding_system_is_refused(api: httpx.Client) -> None:
    answer = post(api, "condition_diagnosis", code=coded("http://hl7.org/fhir/sid/icd-10-cm", "J06.9"))
    assert texts(answer) == ["Invalid coding system: http://hl7.org/fhir/sid/icd-10-cm (RuleNumber: 10003)"]


@pytest.mark.parametrize("code", ["X99.99", "I50.2", "K64.9", "J06.9 ", "J069", ""])
def test_a_code_that_the_platform_lacks_is_not_found(api: httpx.Client, code: str) -> None:
    answer = post(api, "condition_diagnosis", code=coded(ICD10, code))
    assert f"Code not found: '{code}' in system: {ICD10} (RuleNumber: 10003)" in texts(answer)
    assert answer.json()["issue"][0]["expression"][0].startswith("Condition.code")


def test_a_well_formed_code_outside_the_list_passes_unless_strict(world: World, api: httpx.Client) -> None:
    assert post(api, "condition_diagnosis", code=coded(ICD10, "C50.1")).status_code == 201
    world.satusehat.settings.strict = True
    assert rule_numbers(post(api, "condition_diagnosis", code=coded(ICD10, "C50.1"))) == {10003}


def test_systems_of_official_examples_pass_unless_strict(world: World, api: httpx.Client) -> None:
    code = coded("http://terminology.kemkes.go.id/CodeSystem/clinical-term", "OC000001")
    assert post(api, "observation_chest", code=code).status_code == 201
    world.satusehat.settings.strict = True
    assert rule_numbers(post(api, "observation_chest", code=code)) == {10010}


def test_a_component_of_a_finding_has_a_code_of_the_ministry_unless_strict(world: World, api: httpx.Client) -> None:
    component = [{"code": coded("http://terminology.kemkes.go.id/CodeSystem/clinical-term", "OC000001")}]
    assert post(api, "observation_chest", component=component).status_code == 201
    world.satusehat.settings.strict = True
    assert rule_numbers(post(api, "observation_chest", component=component)) == {10434}


def test_an_unknown_element_is_dropped_or_in_strict_mode_refused(world: World, api: httpx.Client) -> None:
    assert "Note" not in post(api, "condition_complaint", Note="x").json()
    world.satusehat.settings.strict = True
    assert post(api, "condition_complaint", Note="x").json()["issue"][0]["expression"] == ["Condition.Note"]


def test_a_status_outside_its_value_set_is_refused(api: httpx.Client) -> None:
    assert rule_numbers(post(api, "observation_systolic", status="done")) == {10008}


@pytest.mark.parametrize(
    ("unit", "numbers"),
    [
        ({"system": "http://unitsofmeasure.org", "code": "mmHg"}, {10012}),
        ({"system": "http://other.example", "code": "mm[Hg]"}, {10012}),
        ({"code": "mm[Hg]"}, {10480}),
        ({}, {10012, 10480}),
    ],
)
def test_a_quantity_needs_a_ucum_unit(api: httpx.Client, unit: dict[str, str], numbers: set[int]) -> None:
    assert rule_numbers(post(api, "observation_systolic", valueQuantity={"value": 118, **unit})) == numbers


def test_the_length_of_an_outpatient_visit_is_in_minutes_or_hours(api: httpx.Client) -> None:
    days = {"value": 1, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
    assert rule_numbers(post(api, "encounter_finished", length=days)) == {10840}


def test_an_identifier_of_another_organization_is_refused(api: httpx.Client) -> None:
    identifier = [{"system": "http://sys-ids.kemkes.go.id/encounter/999", "value": "1"}]
    answer = post(api, "encounter_arrived", identifier=identifier)
    assert texts(answer)[0].startswith("Wrong organization ID provided by system URL")
    assert rule_numbers(answer) == {10117}


def test_an_identifier_of_another_kind_is_refused(api: httpx.Client) -> None:
    answer = post(api, "location", identifier=[{"system": "http://clinic.example/rooms", "value": "1"}])
    assert texts(answer)[0].startswith("Invalid identifier system")


def test_a_reference_that_leads_nowhere_is_20007(api: httpx.Client) -> None:
    answer = post(api, "encounter_arrived", subject={"reference": "Patient/P09999999999"})
    assert texts(answer) == ["Resource not found Patient/P09999999999 (RuleNumber: 20007)"]


def test_a_reference_to_the_wrong_type_is_refused(api: httpx.Client) -> None:
    answer = post(api, "condition_diagnosis", encounter={"reference": "Patient/P01234567890"})
    assert rule_numbers(answer) == {10126}


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2026-03-10", "format"),
        ("2026-03-10 01:40:00", "format"),
        ("2026-03-10T01:40:00", "format"),
        ("2026-13-10T01:40:00+00:00", "format"),
        ("2026-03-11T08:00:00+00:00", "value"),
        ("2014-06-02T00:00:00+00:00", "value"),
    ],
)
def test_a_wrong_date_is_refused(api: httpx.Client, moment: str, code: str) -> None:
    answer = post(api, "condition_diagnosis", recordedDate=moment)
    assert rule_numbers(answer) == {10403}
    assert answer.json()["issue"][0]["code"] == code


@pytest.mark.parametrize("moment", ["2026-03-11T08:00:00+07:00", "2026-03-10T01:40:00Z"])
def test_zones_are_taken(api: httpx.Client, moment: str) -> None:
    assert post(api, "condition_diagnosis", recordedDate=moment).json()["recordedDate"] == moment


def test_a_date_before_august_2022_is_only_warned_of(api: httpx.Client) -> None:
    answer = post(api, "condition_diagnosis", recordedDate="2020-01-01T00:00:00+00:00")
    assert answer.status_code == 201
    assert "31st August 2022" in answer.headers["warning"]


def test_an_end_may_lie_in_the_future_but_not_before_its_start(api: httpx.Client) -> None:
    start = "2026-03-10T01:00:00+00:00"
    later, earlier = {"start": start, "end": "2026-04-01T00:00:00Z"}, {"start": start, "end": "2026-03-09T00:00:00Z"}
    assert post(api, "encounter_arrived", period=later).status_code == 201
    answer = post(api, "encounter_arrived", period=earlier)
    assert answer.json()["issue"][0]["diagnostics"] == "fhirpath-constraint-violation-Encounter.period"


@pytest.mark.parametrize("empty", [[], {}, ""])
def test_empty_values_are_refused(api: httpx.Client, empty: object) -> None:
    answer = post(api, "condition_diagnosis", note=[{"text": "x", "authorString": empty}])
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["Condition.note[0].authorString"]


def test_null_is_refused(api: httpx.Client) -> None:
    content = {**sample("condition_diagnosis"), "note": None}
    answer = api.post("/fhir-r4/v1/Condition", json=content)
    assert "null" in answer.json()["issue"][0]["diagnostics"]


def test_an_empty_title_carries_its_rule(api: httpx.Client) -> None:
    assert texts(post(api, "composition", title="")) == ["Text is empty: '' (RuleNumber: 10134)"]


def test_a_finished_visit_needs_a_diagnosis(api: httpx.Client) -> None:
    answer = post(api, "encounter_finished", diagnosis=None)
    assert texts(answer) == ["Element not found: Encounter.diagnosis (RuleNumber: 10457)"]


def test_a_finished_visit_needs_an_end(api: httpx.Client) -> None:
    answer = post(api, "encounter_finished", period={"start": "2026-03-10T01:00:00+00:00"})
    assert rule_numbers(answer) == {10121}


def test_a_finished_visit_needs_an_end_of_every_status(api: httpx.Client) -> None:
    history = [{"status": "arrived", "period": {"start": "2026-03-10T01:00:00+00:00"}}]
    answer = post(api, "encounter_finished", statusHistory=history)
    assert texts(answer) == ["every statusHistory period start and end must be filled (RuleNumber: 10122)"]


def test_a_visit_in_progress_needs_no_diagnosis(api: httpx.Client) -> None:
    assert post(api, "encounter_arrived", status="in-progress").status_code == 201


def test_sections_in_sections_are_checked(api: httpx.Client) -> None:
    inner = {"code": coded("http://nowhere.example", "1"), "text": {"status": "additional", "div": "x"}}
    outer = {"code": coded("http://loinc.org", "10154-3"), "section": [inner]}
    answer = post(api, "composition", section=[outer])
    assert answer.json()["issue"][0]["expression"] == ["Composition.section[0].section[0].code[0].code"]
