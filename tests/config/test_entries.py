"""Shipped entries: the payloads of their examples equal the golden files and the ministry's examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from adapters.satusehat.preflight import check
from tests.config.shipped import GOLDEN, Case, cases, catalog, examples, payload, scope


def coded(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def part(title: str, code: str, display: str) -> dict[str, Any]:
    return {"title": title, "code": coded("http://loinc.org", code, display)}


REFERENCE = {
    "organization": Case("Organization", "example", "create"),
    "location": Case("Location", "example", "create"),
    "patient_newborn": Case("Patient", "newborn", "create"),
    "encounter_arrived": Case("Encounter", "example", "create"),
    "encounter_finished": Case("Encounter", "finished", "update"),
    "condition_complaint": Case("Condition", "complaint", "create"),
    "condition_diagnosis": Case("Condition", "example", "create"),
    "condition_discharge_state": Case("Condition", "discharge_state", "create"),
    "observation_vital_sign": Case("Observation", "example", "create"),
    "observation_coded": Case("Observation", "consciousness", "create"),
    "observation_narrative": Case("Observation", "narrative", "create"),
    "allergy_intolerance": Case("AllergyIntolerance", "example", "create"),
    "procedure": Case("Procedure", "example", "create"),
    "composition": Case("Composition", "example", "create"),
    "immunization": Case("Immunization", "example", "create"),
    "immunization_history": Case("Immunization", "history", "create"),
    "service_request": Case("ServiceRequest", "example", "create"),
    "service_request_imaging": Case("ServiceRequest", "imaging", "create"),
    "service_request_control": Case("ServiceRequest", "control", "create"),
    "specimen": Case("Specimen", "example", "create"),
    "lab_result": Case("LabResult", "example", "create"),
    "diagnostic_report": Case("DiagnosticReport", "example", "create"),
    "episode_of_care": Case("EpisodeOfCare", "example", "create"),
    "questionnaire_response": Case("QuestionnaireResponse", "example", "create"),
    "clinical_impression": Case("ClinicalImpression", "example", "create"),
    "care_plan": Case("CarePlan", "example", "create"),
    "goal": Case("Goal", "example", "create"),
    "related_person": Case("RelatedPerson", "example", "create"),
    "risk_assessment": Case("RiskAssessment", "example", "create"),
    "family_member_history": Case("FamilyMemberHistory", "example", "create"),
    "nutrition_order": Case("NutritionOrder", "example", "create"),
    "practitioner_role": Case("PractitionerRole", "example", "create"),
    "document_reference": Case("DocumentReference", "example", "create"),
    "task": Case("ReferralTask", "example", "create"),
    "vision_prescription": Case("VisionPrescription", "example", "create"),
    "bpjs/pendaftaran": Case("TambahPendaftaran", "example", "create"),
    "bpjs/kunjungan": Case("TambahKunjungan", "example", "create"),
    "bpjs/add": Case("TambahAntrean", "example", "create"),
    "bpjs/panggil": Case("PanggilAntrean", "example", "create"),
}
"""Example of the reference (tests/golden/reference) -> the case with the same values."""
NEWER = {
    "condition_complaint": {
        "category": [coded("http://terminology.kemkes.go.id", "chief-complaint", "Chief Complaint")],
    },
    "composition": {"type": coded("http://loinc.org", "88645-7", "Outpatient hospital Discharge summary")},
}
"""Values that the ministry's newer collections (01-04, 30, 42, 46-48) have instead."""
NESTED = {
    "Diagnosis": part("Diagnosis Akhir", "78375-3", "Discharge diagnosis Narrative"),
    "Obat": part("Obat Saat Kunjungan", "42346-7", "Medications on admission (narrative)"),
}
"""Sections that have a section within them there, with the entries."""


def name(case: Case) -> str:
    return case.file.stem


def is_sent_alike(case: Case) -> bool:
    """Return whether a change sends the same as the creation."""
    return catalog().specs[case.spec].update is not None and case._replace(operation="update") not in cases()


def is_fhir(case: Case) -> bool:
    spec = catalog().specs[case.spec]
    return spec.upstream.adapter == "satusehat" and spec.check


def read(file_name: str) -> Any:
    return json.loads((GOLDEN / file_name).read_text("utf-8"))


@pytest.mark.parametrize("case", cases(), ids=name)
def test_an_example_becomes_its_golden_payload(case: Case) -> None:
    assert payload(case) == read(case.file.name)


@pytest.mark.parametrize("case", [case for case in cases() if is_fhir(case)], ids=name)
def test_an_example_passes_the_preflight_check(case: Case) -> None:
    assert check(payload(case)) == []


@pytest.mark.parametrize("case", [case for case in cases() if is_sent_alike(case)], ids=name)
def test_a_change_sends_the_whole_record_with_its_id(case: Case) -> None:
    changed = payload(case._replace(operation="update"))
    assert changed.pop("id")
    assert changed == payload(case)


def test_no_golden_file_is_left_over() -> None:
    assert {file.name for file in GOLDEN.glob("*.json")} == {case.file.name for case in cases()}


@pytest.mark.parametrize("example", REFERENCE)
def test_a_payload_equals_the_example_of_the_reference(example: str) -> None:
    theirs, ours = read(f"reference/{example}.json"), payload(REFERENCE[example])
    if "noKunjungan" in theirs:
        theirs.setdefault("rujukLanjut", None)  # as in nine of ten bodies of other clients
    if is_fhir(REFERENCE[example]) and "identifier" not in theirs:
        ours.pop("identifier", None)  # optional there; given by us to all, so that a lost answer can be looked up
    if "vaccineCode" in theirs:
        ours["vaccineCode"]["coding"][0] = theirs["vaccineCode"]["coding"][0]  # any example of the dictionary
    theirs |= NEWER.get(example, {})
    if example == "composition":
        theirs["section"] = [nested(one) for one in theirs["section"]]
    assert ours == theirs


def nested(section: dict[str, Any]) -> dict[str, Any]:
    """Return a section as the newer collections have it."""
    inner = NESTED.get(section.get("title", ""))
    if inner is None:
        return section
    title = "Farmasi" if section["title"] == "Obat" else section["title"]
    return {"title": title, "code": section["code"], "section": [{**inner, "entry": section["entry"]}]}


@pytest.mark.parametrize("spec", catalog().specs.values(), ids=lambda spec: spec.name)
def test_an_entry_renders_its_key_date_and_columns(spec: Any) -> None:
    for record in examples(spec).values():
        seen = scope(spec, record)
        assert spec.key.render(seen)
        assert spec.date.render(seen).startswith("2026-0")
        assert all(column.value.render(seen) not in ("", [], {}) for column in spec.columns)


@pytest.mark.parametrize("spec", catalog().specs.values(), ids=lambda spec: spec.name)
def test_every_field_of_a_record_is_described(spec: Any) -> None:
    assert list(undescribed(spec.record_schema)) == []
    assert spec.description
    jsonschema_rs.meta.validate(dict(spec.record_schema))


def undescribed(schema: Any, path: str = "$") -> Any:
    for field, inner in schema.get("properties", {}).items():
        if not inner.get("description"):
            yield f"{path}.{field}"
        yield from undescribed(inner.get("items", inner), f"{path}.{field}")


@pytest.mark.parametrize("spec", catalog().specs.values(), ids=lambda spec: spec.name)
def test_every_time_of_a_record_is_checked_against_the_calendar(spec: Any) -> None:
    """A pattern would take the 30th of February."""
    fields = dict(properties(spec.record_schema))
    assert {
        name for name, inner in fields.items() if name.endswith("_at") and inner.get("format") != "iso-date-time"
    } == set()
    assert [name for name, inner in fields.items() if r"\d{4}-" in inner.get("pattern", "")] == []


def properties(schema: Any) -> Iterator[tuple[str, Any]]:
    for name, inner in schema.get("properties", {}).items():
        if isinstance(inner, dict):
            yield name, inner
            yield from properties(inner.get("items", inner))


@pytest.mark.parametrize("spec", catalog().specs.values(), ids=lambda spec: spec.name)
def test_no_number_of_a_person_is_a_key(spec: Any) -> None:
    record = dict(spec.example)
    personal = {str(record.get(field)) for field in ("nik", "mother_nik", "phone", "card_number")}
    assert spec.key.render(scope(spec, record)) not in personal


def test_the_dashboard_groups_are_in_the_order_of_a_visit() -> None:
    groups = {spec.group.id: None for spec in catalog().specs.values()}
    assert list(groups) == ["Fondasi", "Kunjungan", "Klinis", "Obat", "Dokumen", "Antrean", "PCare"]
    assert {spec.name for spec in catalog().specs.values() if spec.foundation} == {
        "Organization",
        "Location",
        "Practitioner",
        "Patient",
    }
