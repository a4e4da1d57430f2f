"""Search for a record that may have arrived: adopted only if it certainly matches."""

from __future__ import annotations

from typing import Any

import pytest

from engine.specs.record_type import Find, Spec
from tests.config.shipped import catalog, examples, scope

IDENTIFIED = (
    *("Organization", "Location", "Encounter", "Condition", "Observation", "Procedure", "AllergyIntolerance"),
    *("LabResult", "ServiceRequest", "Specimen", "DiagnosticReport"),
    *("ClinicalImpression", "RiskAssessment", "Goal", "CarePlan"),
    *(
        "FamilyMemberHistory",
        "NutritionOrder",
        "DocumentReference",
        "ReferralTask",
        "VisionPrescription",
        "ImagingStudy",
    ),
)
NIK = "https://fhir.kemkes.go.id/id/nik|3174990101900001"
MOTHER = "https://fhir.kemkes.go.id/id/nik-ibu|3174994101950002"
UUID = "3f1c8a52-6d0e-4b7a-9a41-000000003001"
PATHS = {"ReferralTask": "/Task"}
"""Entry -> where it is searched, if its name is not that of its resource."""
QUERIES = {
    "Organization": {"name": "Poli Umum Klinik Contoh"},
    "Location": {"identifier": "http://sys-ids.kemkes.go.id/location/100099001|R-UMUM-1"},
    "Practitioner": {"identifier": "https://fhir.kemkes.go.id/id/nik|7299010101800001"},
    "Patient": {"identifier": NIK},
    "Encounter": {"identifier": "http://sys-ids.kemkes.go.id/encounter/100099001|RJ-20260310-0001"},
    "Condition": {"encounter": UUID},
    "Observation": {"encounter": UUID},
    "Procedure": {"encounter": UUID},
    "AllergyIntolerance": {"patient": "P01234567890"},
    "Composition": {"encounter": UUID},
    "MedicationDispense": {
        "subject": "P01234567890",
        "identifier": "http://sys-ids.kemkes.go.id/prescription/100099001|RX-20260310-0001",
    },
    "Immunization": {"patient": "P01234567890"},
    "ServiceRequest": {"identifier": "http://sys-ids.kemkes.go.id/servicerequest/100099001|LAB-20260310-0001"},
    "Specimen": {"identifier": "http://sys-ids.kemkes.go.id/specimen/100099001|SP-20260310-0001"},
    "DiagnosticReport": {"subject": "P01234567890", "based-on": "3f1c8a52-6d0e-4b7a-9a41-000000008001"},
    "EpisodeOfCare": {"patient": "P01234567890", "type": "ANC", "status": "active"},
    "QuestionnaireResponse": {"encounter": UUID, "patient": "P01234567890"},
    "ClinicalImpression": {"encounter": UUID},
    "RiskAssessment": {"encounter": UUID},
    "Goal": {"subject": "P01234567890"},
    "CarePlan": {"subject": "P01234567890"},
    "FamilyMemberHistory": {"patient": "P01234567890"},
    "NutritionOrder": {"patient": "P01234567890"},
    "PractitionerRole": {
        "identifier": "https://fhir.kemkes.go.id/id/sip-number|503/0001/SIP/2025",
        "practitioner": "10099887766",
    },
    "DocumentReference": {"identifier": "http://sys-ids.kemkes.go.id/prescription/100099001|RX-20260310-0001"},
    "ReferralTask": {"identifier": "http://sys-ids.kemkes.go.id/task/100099001|TASK-0001"},
    "VisionPrescription": {"encounter": UUID},
    "ImagingStudy": {"identifier": "http://sys-ids.kemkes.go.id/acsn/100099001|20260310000001"},
    "RelatedPerson": {
        "patient": "P02020000001",
        "identifier": "https://fhir.kemkes.go.id/id/nik|3174994101950002",
    },
}


def finding(name: str) -> tuple[Spec, Find]:
    spec = catalog().specs[name]
    assert spec.find is not None
    return spec, spec.find


def matches(name: str, candidate: dict[str, Any], example: str = "example") -> Any:
    spec, find = finding(name)
    assert find.match is not None
    return find.match.render({**scope(spec, examples(spec)[example]), "candidate": candidate})


@pytest.mark.parametrize("name", QUERIES)
def test_it_is_searched_by_what_the_platform_searches_by(name: str) -> None:
    spec, find = finding(name)
    assert find.query is not None
    assert find.query.render(scope(spec, spec.example)) == QUERIES[name]
    assert find.path.render(scope(spec, spec.example)) == PATHS.get(name, f"/{name}")


@pytest.mark.parametrize("name", IDENTIFIED)
def test_only_what_carries_our_identifier_is_ours(name: str) -> None:
    key = catalog().specs[name].example["id"]
    foreign = {"system": "http://sys-ids.kemkes.go.id/creator", "value": "100099001"}
    assert matches(name, {"identifier": [foreign, {"system": "x", "value": key}]}) is True
    assert matches(name, {"identifier": [foreign]}) is False
    assert matches(name, {"identifier": []}) is False
    assert matches(name, {}) is False


@pytest.mark.parametrize(
    ("example", "value", "is_ours"),
    [
        ("example", "RX-20260310-0001-1", True),
        ("example", "RX-20260310-0001-1-S", True),  # as it was sent before
        ("example", "RX-20260310-0001-1-2", False),
        ("second_part", "RX-20260310-0001-1-2", True),
        ("second_part", "RX-20260310-0001-1", False),
    ],
)
def test_a_dispense_is_known_by_its_prescribed_line_and_part(example: str, value: str, is_ours: bool) -> None:
    assert matches("MedicationDispense", {"identifier": [{"value": value}]}, example) is is_ours


def test_a_summary_has_one_identifier() -> None:
    assert matches("Composition", {"identifier": {"value": "RJ-20260310-0001"}}) is True
    assert matches("Composition", {"identifier": {"value": "RJ-2"}}) is False
    assert matches("Composition", {"identifier": []}) is False
    assert matches("Composition", {}) is False


def test_a_relative_is_ours_only_as_the_relative_of_this_patient() -> None:
    assert matches("RelatedPerson", {"patient": {"reference": "Patient/P02020000001"}}) is True
    assert matches("RelatedPerson", {"patient": {"reference": "Patient/P02020000002"}}) is False
    assert matches("RelatedPerson", {}) is False


def test_a_patient_is_looked_for_before_it_is_created() -> None:
    spec, find = finding("Patient")
    assert find.when == "before"
    assert find.query is not None
    assert find.query.render(scope(spec, spec.examples["newborn"])) == {"identifier": MOTHER}
    assert matches("Patient", {"id": "P1"}) is True


@pytest.mark.parametrize(
    ("example", "candidate", "verdict"),
    [
        ("newborn", {"birthDate": "2026-03-09"}, True),
        ("newborn", {"birthDate": "2021-03-09"}, False),
        ("newborn", {}, None),
        ("twin", {"birthDate": "2026-03-09", "multipleBirthInteger": 2}, True),
        ("twin", {"birthDate": "2026-03-09", "multipleBirthInteger": 1}, False),
        ("twin", {"birthDate": "2026-03-09"}, None),
        ("twin", {"birthDate": "2021-03-09"}, False),
    ],
)
def test_an_elder_child_of_the_mother_is_never_taken_for_the_newborn(
    example: str, candidate: dict[str, Any], verdict: bool | None
) -> None:
    assert matches("Patient", candidate, example) is verdict


@pytest.mark.parametrize(
    ("example", "query"),
    [
        ("foreigner", {"identifier": "https://fhir.kemkes.go.id/id/paspor|X1234567"}),
        ("known", {"_id": "P01234567890"}),
        ("family", {"name": "Agus Contoh", "birthdate": "1950-08-17", "gender": "male"}),
        ("by_name", {"name": "Siti Contoh", "birthdate": "1990-01-01", "gender": "female"}),
    ],
)
def test_a_patient_without_nik_is_searched_by_what_there_is(example: str, query: dict[str, str]) -> None:
    spec, find = finding("Patient")
    assert find.query is not None
    assert find.query.render(scope(spec, spec.examples[example])) == query


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, True),
        ({"name": [{"text": "SITI CONTOH"}]}, True),
        ({"name": [{"text": "Siti Contohwati"}]}, False),
        ({"birthDate": "1991-01-01"}, False),
        ({"gender": "male"}, False),
        ({"name": [{"text": "Si** Co****"}]}, None),
        ({"name": []}, None),
        ({"gender": None}, None),
    ],
)
def test_a_patient_is_known_by_name_only_with_birth_date_and_sex(changed: dict[str, Any], verdict: bool | None) -> None:
    shown = {"birthDate": "1990-01-01", "gender": "female", "name": [{"text": "Siti Contoh"}], **changed}
    candidate = {name: value for name, value in shown.items() if value is not None}
    assert matches("Patient", candidate, "by_name") is verdict


def test_the_odd_answer_of_a_patients_creation_is_read() -> None:
    spec = catalog().specs["Patient"]
    assert spec.endpoint is not None
    odd = {"success": True, "data": {"Patient ID:": "P02020000001"}}
    for body in (odd, {"resourceType": "Patient", "id": "P02020000001"}):
        assert spec.endpoint.reference.render({**scope(spec, spec.example), "body": body}) == "P02020000001"


@pytest.mark.parametrize("name", QUERIES)
def test_an_answer_is_read_page_by_page(name: str) -> None:
    spec, find = finding(name)
    assert find.next is not None
    hit, notice = {"resourceType": name, "id": "1"}, {"resourceType": "OperationOutcome"}
    following = [{"relation": "self", "url": "x"}, {"relation": "next", "url": "https://host/x?_page_token=2"}]
    page = {"total": 2, "entry": [{"resource": hit}, {"resource": notice}], "link": following}
    seen = {**scope(spec, spec.example), "candidate": hit}
    assert find.candidates.render({**seen, "body": page}) == [hit]
    assert find.next.render({**seen, "body": page}) == "https://host/x?_page_token=2"
    assert find.reference.render(seen) == "1"
    for empty in ({"total": 0}, {"total": 0, "entry": [], "link": []}, {"total": 0, "entry": None}):
        assert not find.candidates.render({**seen, "body": empty})
        assert not find.next.render({**seen, "body": empty})


@pytest.mark.parametrize(
    ("example", "query"),
    [
        (
            "waiting",
            {"identifier": "http://sys-ids.kemkes.go.id/episode-of-care/100099001|TB-2026-0001", "type": "TB-SO"},
        ),
        (
            "finished",
            {"identifier": "http://sys-ids.kemkes.go.id/episode-of-care/100099001|PNC-2026-0001", "type": "PNC"},
        ),
    ],
)
def test_an_episode_that_is_not_simply_active_is_searched_by_its_own_number(
    example: str, query: dict[str, str]
) -> None:
    spec, find = finding("EpisodeOfCare")
    record = spec.examples[example]
    assert find.query is not None
    assert find.query.render(scope(spec, record)) == query
    assert matches("EpisodeOfCare", {"identifier": [{"value": record["id"]}]}, example) is True
    assert matches("EpisodeOfCare", {"identifier": [{"value": "another"}]}, example) is False
    assert matches("EpisodeOfCare", {}, example) is False


def test_any_active_episode_of_the_programme_is_adopted() -> None:
    assert matches("EpisodeOfCare", {"identifier": [{"value": "of another clinic"}]}) is True


def test_a_report_without_an_order_is_searched_by_its_patient() -> None:
    spec, find = finding("DiagnosticReport")
    assert find.query is not None
    assert find.query.render(scope(spec, spec.examples["panel"])) == {"subject": "P01234567890"}
