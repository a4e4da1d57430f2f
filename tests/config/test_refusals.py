"""Records that the ministry would refuse are refused by the record schema of their entry."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config.shipped import catalog, examples, problems

CODE = {"code": "718-7"}
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    *(("ServiceRequest", "example", {name: None}) for name in ("kind", "test", "ordered_at", "practitioner_id")),
    ("ServiceRequest", "example", {"code": CODE}),
    ("ServiceRequest", "example", {"kind": "therapy"}),
    ("ServiceRequest", "example", {"accession_number": "1"}),
    ("ServiceRequest", "example", {"pcare_number": "1"}),
    ("ServiceRequest", "example", {"place": "OUT"}),
    ("ServiceRequest", "imaging", {"modality": None}),
    ("ServiceRequest", "imaging", {"accession_number": None}),
    ("ServiceRequest", "imaging", {"accession_number": "12345678901234567"}),
    ("ServiceRequest", "imaging", {"code": {"code": "1", "system": "http://sys-ids.kemkes.go.id/kfa"}}),
    ("ServiceRequest", "control", {"test": "LAB-HB"}),
    ("ServiceRequest", "referral", {"code": None}),
    *(("Specimen", "example", {name: None}) for name in ("requests", "kind", "collected_at", "norm")),
    ("Specimen", "example", {"requests": []}),
    ("Specimen", "example", {"code": {"code": "119297000"}}),
    ("Specimen", "example", {"quantity": None, "unit": "mL"}),
    ("Specimen", "example", {"fasting": "Y"}),
    ("Specimen", "unsatisfactory", {"code": {"code": "1", "system": "http://loinc.org"}}),
    ("LabResult", "example", {"unit": None}),
    ("LabResult", "example", {"answer": "negative"}),
    ("LabResult", "answer", {"answer": "unknown"}),
    ("LabResult", "answer", {"value_code": {"code": "1"}}),
    ("LabResult", "code", {"value_code": {"code": "1", "system": "http://hl7.org/fhir/sid/cvx"}}),
    ("LabResult", "words", {"value_text": "  "}),
    *(("EpisodeOfCare", "example", {name: None}) for name in ("type", "status", "started_at")),
    ("EpisodeOfCare", "example", {"ended_at": "2026-03-10 09:00"}),
    ("EpisodeOfCare", "example", {"status": "planned"}),
    ("EpisodeOfCare", "finished", {"ended_at": None}),
    ("EpisodeOfCare", "waiting", {"waitlisted_at": None}),
    ("EpisodeOfCare", "cancelled", {"started_at": None}),
    ("Encounter", "programme", {"programme_visit": "K7"}),
    *(("QuestionnaireResponse", "example", {name: None}) for name in ("review", "prescriptions", "practitioner_id")),
    ("QuestionnaireResponse", "example", {"questionnaire": "Q0008"}),
    ("QuestionnaireResponse", "example", {"review": {"patient": True}}),
    ("QuestionnaireResponse", "form", {"items": []}),
    ("QuestionnaireResponse", "form", {"items": [{"link_id": "1"}]}),
    ("QuestionnaireResponse", "form", {"items": [{"link_id": "1", "answers": [{}]}]}),
    ("QuestionnaireResponse", "form", {"items": [{"link_id": "1", "answers": [{"text": "a", "boolean": True}]}]}),
    ("QuestionnaireResponse", "form", {"items": [{"link_id": "1", "answers": [{"text": " "}]}]}),
    ("QuestionnaireResponse", "form", {"questionnaire": "7"}),
    *(("DiagnosticReport", "example", {name: None}) for name in ("results", "test", "category", "practitioner_id")),
    ("DiagnosticReport", "example", {"results": []}),
    ("DiagnosticReport", "example", {"category": "RAD"}),
    *(("ClinicalImpression", "example", {name: None}) for name in ("kind", "visit_id", "practitioner_id")),
    ("ClinicalImpression", "example", {"code": CODE}),
    ("ClinicalImpression", "example", {"findings": [{"icd10": {"code": "J06.9"}}]}),
    ("ClinicalImpression", "rationale", {"summary": None}),
    ("ClinicalImpression", "prognosis", {"prognosis_code": None}),
    ("ClinicalImpression", "prognosis", {"prognosis": "good"}),
    *(("CarePlan", "example", {name: None}) for name in ("title", "description", "visit_id")),
    ("CarePlan", "discharge", {"activities": [{"status": "completed"}]}),
    ("Goal", "example", {"text": None}),
    ("Goal", "achieved", {"targets": [{"measure": CODE, "value": 1}]}),
    ("Goal", "achieved", {"targets": [{"value_text": "Turun"}]}),
    ("Goal", "achieved", {"targets": [{"measure": CODE, "value_text": "Turun", "value_boolean": True}]}),
    ("RelatedPerson", "guardian", {"nik": None}),
    ("RelatedPerson", "guardian", {"relationship": "BOSS"}),
    ("RiskAssessment", "example", {"predictions": []}),
    ("RiskAssessment", "example", {"predictions": [{"outcome": {"code": "233604007"}, "probability": 10}]}),
    (
        "RiskAssessment",
        "likelihood",
        {"predictions": [{"outcome": {"code": "22298006"}, "probability": 0.1, "likelihood": "low"}]},
    ),
    ("MedicationDispense", "example", {"handed_over_at": None}),
    ("MedicationDispense", "example", {"status_reason": "outofstock"}),
    ("MedicationDispense", "declined", {"decided_at": None}),
    ("MedicationDispense", "declined", {"handed_over_at": "2026-03-10 09:22"}),
    ("MedicationDispense", "substituted", {"relative_id": None}),
    ("MedicationDispense", "substituted", {"substitution": {"done": True}}),
    ("MedicationDispense", "taken_by_patient", {"relative_id": "KRB-0001"}),
    ("MedicationRequest", "stopped", {"status": "declined"}),
    ("MedicationStatement", "schedule", {"taken_at": None}),
    ("MedicationStatement", "schedule", {"schedule": {"dose": 1}}),
    ("Observation", "parts", {"components": []}),
    ("Observation", "parts", {"components": [CODE]}),
    ("Observation", "parts", {"components": [{**CODE, "value": 1}]}),
    ("Observation", "parts", {"components": [{**CODE, "value_text": "a", "value_boolean": True}]}),
    ("Observation", "parts", {"value": 118, "unit": "mm[Hg]"}),
    ("Observation", "date", {"value_at": None}),
    ("Observation", "date", {"value_integer": 1}),
    ("Observation", "date", {"low": 1}),
    ("Observation", "ratio", {"value_ratio": {"numerator": 1, "denominator": 0}}),
    ("Observation", "score", {"value_integer": 1.5}),
    ("Condition", "tooth", {"onset_at": None}),
    ("Condition", "term", {"term": None}),
    ("Procedure", "example", {"category": None}),
    ("Procedure", "tooth", {"category": "diagnostic"}),
    ("Procedure", "term", {"term": None}),
    ("Composition", "example", {"kind": "11503-0"}),
    ("Composition", "example", {"diagnoses": []}),
    ("Composition", "emergency", {"attested_by": "patient"}),
    ("Composition", "everything", {"course": " "}),
    ("DiagnosticReport", "panel", {"code": {"code": "1", "system": "http://snomed.info/sct"}}),
]


@pytest.mark.parametrize(("name", "example", "changes"), REFUSED)
def test_an_example_with_one_fault_is_refused(name: str, example: str, changes: dict[str, Any]) -> None:
    spec = catalog().specs[name]
    record = examples(spec)[example]
    assert not problems(spec, record)
    changed = {field: value for field, value in {**record, **changes}.items() if value is not None}
    assert problems(spec, changed)
