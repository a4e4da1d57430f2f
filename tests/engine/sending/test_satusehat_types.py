"""Shipped types of SatuSehat with the sandbox: records are sent, changed, and found again after a lost answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from sandbox.world import World
from tests.config.shipped import catalog, examples
from tests.engine.sending.satusehat_clinic import VACCINE, SatuSehatClinic, stored

pytestmark = pytest.mark.anyio

REACTION = {
    "id": "RJ-20260310-0001-KIPI",
    "norm": "RM-000123",
    "visit_id": "RJ-20260310-0001",
    "practitioner_id": "DR-001",
    "code": {"code": "31044-1", "display": "Immunization reaction"},
    "value_code": {"system": "http://loinc.org", "code": "LA7460-4", "display": "Pain"},
    "observed_at": "2026-03-10T09:10:00+07:00",
}
IMAGES = {
    "resourceType": "ImagingStudy",
    "id": "images-1",
    "identifier": [{"system": "http://sys-ids.kemkes.go.id/acsn/100099001", "value": "20260310000001"}],
}
CHILD = {
    "norm": "RM-000124",
    "nik": "3578990807101003",
    "name": "Gunawan Sinaga",
    "birth_date": "2010-07-08",
    "gender": "male",
    "updated_at": "2026-03-10 07:00",
}
PHARMACIST = {"id": "APT-001", "nik": "5171992309797000", "name": "apt. Melati Uji", "updated_at": "2026-03-10 07:00"}
NURSE = {"id": "PRW-001", "nik": "3273990911737006", "name": "Ns. Melati Uji", "updated_at": "2026-03-10 07:00"}
ANALYST = {"id": "LAB-001", "nik": "3174996208777001", "name": "Analis Bima Uji", "updated_at": "2026-03-10 07:00"}


def example(spec: str) -> list[dict[str, Any]]:
    return [dict(catalog().specs[spec].example)]


def every_example(*specs: str) -> dict[str, list[dict[str, Any]]]:
    """Return all examples of some types; of several with one id the first."""
    found = {
        spec: {record["id"]: dict(record) for record in reversed(examples(catalog().specs[spec]).values())}
        for spec in specs
    }
    return {spec: list(records.values()) for spec, records in found.items()}


STAFF = [NURSE, ANALYST, PHARMACIST]
SUPPORT = ("Condition", "Procedure", "AllergyIntolerance")
ORDER = {"Practitioner": [ANALYST], "ServiceRequest": example("ServiceRequest")}
BEFORE: dict[str, dict[str, Sequence[Mapping[str, Any]]]] = {
    "Immunization": {"Observation": [REACTION]},
    "ServiceRequest": {
        "Practitioner": [ANALYST, NURSE],
        "Procedure": [catalog().specs["Procedure"].example, catalog().specs["Procedure"].examples["not_done"]],
        **{name: example(name) for name in ("Condition", "Observation", "AllergyIntolerance")},
    },
    "Specimen": ORDER,
    "LabResult": {**ORDER, "Specimen": example("Specimen")},
    "QuestionnaireResponse": {
        "Practitioner": [PHARMACIST],
        "Patient": [CHILD],
        **{name: example(name) for name in ("Condition", "MedicationRequest")},
        **every_example("RelatedPerson"),
    },
    "EpisodeOfCare": {"Condition": example("Condition")},
    "DiagnosticReport": {
        "Practitioner": STAFF,
        **every_example("ServiceRequest", "Observation", *SUPPORT),
        **{name: example(name) for name in ("Specimen", "LabResult", "ImagingStudy")},
    },
    "MedicationStatement": every_example("Medication"),
    "MedicationRequest": {"Condition": example("Condition")},
    "MedicationDispense": {
        "Practitioner": STAFF,
        "Patient": [CHILD],
        **every_example("Condition", "RelatedPerson", "MedicationRequest"),
    },
    "MedicationAdministration": every_example("Condition", "MedicationRequest"),
    "Condition": {
        "Practitioner": STAFF,
        **every_example("ClinicalImpression", "Observation", "RiskAssessment"),
        **{name: example(name) for name in ("LabResult", "ServiceRequest", "Specimen")},
    },
    "Observation": {
        "Practitioner": STAFF,
        **{name: example(name) for name in ("Condition", "ImagingStudy")},
        "Procedure": [catalog().specs["Procedure"].examples["not_done"]],
        "ServiceRequest": [catalog().specs["ServiceRequest"].examples["diagnostic"]],
    },
    "Procedure": {
        "Practitioner": STAFF,
        "ServiceRequest": [catalog().specs["ServiceRequest"].examples["therapy"]],
    },
    "FamilyMemberHistory": {},
    "PractitionerRole": {},
    "NutritionOrder": {"AllergyIntolerance": example("AllergyIntolerance")},
    "VisionPrescription": {},
    "DocumentReference": {name: example(name) for name in ("Condition", "MedicationRequest")},
    "ReferralTask": {
        **ORDER,
        **{name: example(name) for name in ("Condition", "Procedure", "Observation", "AllergyIntolerance")},
        "ServiceRequest": [dict(catalog().specs["ServiceRequest"].examples["referral"])],
        "CarePlan": [dict(catalog().specs["CarePlan"].examples["referral"])],
    },
    "RelatedPerson": {"Patient": [CHILD]},
    "RiskAssessment": every_example("Condition"),
    "Goal": {"Practitioner": STAFF, **every_example("Condition", "Observation")},
    "CarePlan": {"Practitioner": STAFF, **every_example("Condition", "Observation", "Goal")},
    "ClinicalImpression": {
        **ORDER,
        **every_example("Condition", "Observation", "Specimen", "LabResult", "RiskAssessment"),
    },
    "Composition": {
        "Practitioner": STAFF,
        **every_example("Condition", "Observation", "Procedure", "AllergyIntolerance", "ServiceRequest", "LabResult"),
        **every_example("ClinicalImpression", "RiskAssessment", "Goal", "CarePlan"),
        **{name: example(name) for name in ("FamilyMemberHistory", "NutritionOrder", "ImagingStudy")},
        **{name: example(name) for name in ("Specimen", "Immunization", "MedicationStatement")},
        "DiagnosticReport": [
            *example("DiagnosticReport"),
            dict(catalog().specs["DiagnosticReport"].examples["radiology"]),
        ],
        **{name: example(name) for name in ("MedicationRequest", "MedicationDispense", "MedicationAdministration")},
        "QuestionnaireResponse": example("QuestionnaireResponse"),
    },
}
"""Type -> what its examples refer to besides the visit."""


@pytest.fixture
def world() -> World:
    """Return a sandbox with what others have sent there: images of the DICOM router, and another facility."""
    world = World()
    world.satusehat.seed(IMAGES, "100099001")
    world.satusehat.seed({"resourceType": "Organization", "id": "100099002"}, "100099002")
    return world


async def hand_in_before(clinic: SatuSehatClinic, spec: str) -> None:
    """Hand in what the examples of a type refer to."""
    await clinic.hand_in_examples()
    for name, records in BEFORE.get(spec, {}).items():
        await clinic.hand_in(name, *records)


@pytest.mark.parametrize("spec", BEFORE)
async def test_every_example_is_sent_once_and_as_an_update_when_it_changes(
    clinic: SatuSehatClinic, world: World, spec: str
) -> None:
    records = examples(catalog().specs[spec]).values()
    await hand_in_before(clinic, spec)
    await clinic.hand_in(spec, *records)
    await clinic.work()
    sent = {str(record["id"]): ("sent", None) for record in records}
    assert await clinic.outcomes(spec) == sent
    kind = catalog().specs[spec].endpoint.path.render({}).strip("/")  # type: ignore[union-attr]
    number = len(stored(world, kind))
    declared = catalog().specs[spec].record_schema["properties"]
    name = "patient_name" if "patient_name" in declared else "practitioner_name"
    await clinic.hand_in(spec, *({**record, name: "Siti Contoh Baru"} for record in records))
    await clinic.work()
    assert await clinic.outcomes(spec) == sent
    assert len(stored(world, kind)) == number
    assert world.witness.summary()["duplicates_created"] == 0


@pytest.mark.parametrize("spec", BEFORE)
async def test_a_record_whose_answer_is_lost_is_found_again(clinic: SatuSehatClinic, world: World, spec: str) -> None:
    await hand_in_before(clinic, spec)
    await clinic.work()
    kind = catalog().specs[spec].endpoint.path.render({})  # type: ignore[union-attr]
    world.faults.add("timeout-after-commit", method="POST", path=f"{kind}$", times=1)
    record = catalog().specs[spec].example
    before = len(stored(world, kind.strip("/")))
    await clinic.hand_in(spec, record)
    await clinic.work()
    assert await clinic.outcomes(spec) == {str(record["id"]): ("sent", None)}
    assert len(stored(world, kind.strip("/"))) == before + 1


async def test_the_groups_of_a_vaccine_follow_from_its_code(clinic: SatuSehatClinic, world: World) -> None:
    record = dict(catalog().specs["Immunization"].example)
    explicit = record.pop("vaccine_groups"), record.pop("cvx")
    await hand_in_before(clinic, "Immunization")
    await clinic.hand_in("Immunization", record)
    await clinic.work()
    [sent] = stored(world, "Immunization")
    codings = [{name: coding[name] for name in ("code", "display")} for coding in sent["vaccineCode"]["coding"]]
    assert codings == [{"code": "93001282", "display": VACCINE["name"]}, *explicit[0], explicit[1]]


async def test_a_specimen_is_changed_by_a_patch(clinic: SatuSehatClinic, world: World) -> None:
    [record] = example("Specimen")
    await hand_in_before(clinic, "Specimen")
    await clinic.hand_in("Specimen", record)
    await clinic.work()
    await clinic.hand_in("Specimen", {**record, "status": "unsatisfactory", "condition": "HEM", "note": "Lisis"})
    await clinic.work()
    [sent] = stored(world, "Specimen")
    assert [line["method"] for line in world.witness.log if line["label"] == "Specimen"] == ["POST", "PATCH"]
    assert (sent["status"], sent["note"]) == ("unsatisfactory", [{"text": "Lisis"}])
    assert sent["condition"][0]["coding"][0]["code"] == "HEM"
    assert sent["collection"]["collectedDateTime"] == "2026-03-10T01:50:00+00:00"


async def test_an_episode_is_finished_by_a_patch_that_names_the_patient(clinic: SatuSehatClinic, world: World) -> None:
    [record] = example("EpisodeOfCare")
    await hand_in_before(clinic, "EpisodeOfCare")
    await clinic.hand_in("EpisodeOfCare", record)
    visit = catalog().specs["Encounter"].examples["programme"]
    await clinic.hand_in("Encounter", visit)
    await clinic.work()
    ended = {"status": "finished", "ended_at": "2026-03-10T10:00:00+07:00"}
    diagnoses = [{"id": catalog().specs["Condition"].example["id"]}]
    await clinic.hand_in("EpisodeOfCare", {**record, **ended, "diagnoses": diagnoses})
    await clinic.work()
    [episode] = stored(world, "EpisodeOfCare")
    [of_visit] = [one["episodeOfCare"] for one in stored(world, "Encounter") if "episodeOfCare" in one]
    methods = [line["method"] for line in world.witness.log if line["label"] == "EpisodeOfCare"]
    assert methods[-2:] == ["POST", "PATCH"]
    assert of_visit == [{"reference": f"EpisodeOfCare/{episode['id']}"}]
    assert (episode["status"], episode["period"]["end"]) == ("finished", "2026-03-10T03:00:00+00:00")
    assert [one["status"] for one in episode["statusHistory"]] == ["active", "finished"]
    assert len(episode["diagnosis"]) == 1


async def test_the_active_episode_of_another_clinic_is_adopted(clinic: SatuSehatClinic, world: World) -> None:
    await hand_in_before(clinic, "EpisodeOfCare")
    await clinic.work()
    [patient] = [one["subject"] for one in stored(world, "Encounter")]
    kind = {"system": "http://terminology.kemkes.go.id/CodeSystem/episodeofcare-type", "code": "ANC"}
    foreign = {"resourceType": "EpisodeOfCare", "id": "e1", "status": "active", "type": [{"coding": [kind]}]}
    world.satusehat.seed({**foreign, "patient": {"reference": patient["reference"]}}, "100099002")
    await clinic.hand_in("EpisodeOfCare", *example("EpisodeOfCare"))
    await clinic.work()
    rows = await clinic.hub.database.fetch(
        text("SELECT status, reference FROM deliveries WHERE spec = 'EpisodeOfCare'")
    )
    assert [(row.status, row.reference) for row in rows] == [("sent", "e1")]
    assert stored(world, "EpisodeOfCare") == []


async def test_images_are_looked_up_and_named_in_their_report(clinic: SatuSehatClinic, world: World) -> None:
    await hand_in_before(clinic, "DiagnosticReport")
    await clinic.hand_in("DiagnosticReport", catalog().specs["DiagnosticReport"].examples["radiology"])
    await clinic.work()
    [report] = stored(world, "DiagnosticReport")
    assert report["imagingStudy"] == [{"reference": "ImagingStudy/images-1"}]
    assert report["identifier"][0]["system"] == "http://sys-ids.kemkes.go.id/diagnostic/100099001/rad"


async def test_images_that_the_router_has_not_sent_are_not_found(clinic: SatuSehatClinic, world: World) -> None:
    await hand_in_before(clinic, "ImagingStudy")
    await clinic.hand_in("ImagingStudy", {**catalog().specs["ImagingStudy"].example, "id": "20260310000002"})
    await clinic.work()
    [(status, problem)] = (await clinic.outcomes("ImagingStudy")).values()
    assert (status, "find.nothing" in str(problem)) == ("failed", True)


async def test_patients_without_nik_are_found_or_created(clinic: SatuSehatClinic, world: World) -> None:
    shown = catalog().specs["Patient"].examples
    await clinic.hand_in("Patient", *(shown[name] for name in ("foreigner", "family", "known", "by_name")))
    await clinic.work()
    rows = await clinic.hub.database.fetch(text("SELECT key, reference, status FROM deliveries WHERE spec = 'Patient'"))
    assert {row.status for row in rows} == {"sent"}
    numbers = {row.key: row.reference for row in rows}
    assert (numbers["RM-000128"], numbers["RM-000129"]) == ("P01234567890", "P01234567890")
    assert len({numbers["RM-000126"], numbers["RM-000127"]} - {"P01234567890"}) == 2


async def test_nobody_is_created_by_name_alone(clinic: SatuSehatClinic, world: World) -> None:
    record = {**catalog().specs["Patient"].examples["by_name"], "name": "Tidak Terdaftar"}
    await clinic.hand_in("Patient", record)
    await clinic.work()
    [(status, _)] = (await clinic.outcomes("Patient")).values()
    assert (status, world.witness.summary()["created"]) == ("failed", {})


async def test_a_visit_keeps_its_rooms_and_doctors_in_time(clinic: SatuSehatClinic, world: World) -> None:
    await hand_in_before(clinic, "Encounter")
    await clinic.hand_in("Practitioner", NURSE)
    await clinic.hand_in("Location", {**catalog().specs["Location"].examples["smallest"], "id": "R-IGD"})
    await clinic.hand_in("Encounter", *(catalog().specs["Encounter"].examples[name] for name in ("planned", "moved")))
    diagnosis = {"id": "IGD-20260310-0001-DX1", "visit_id": "IGD-20260310-0001"}
    await clinic.hand_in("Condition", {**catalog().specs["Condition"].example, **diagnosis})
    await clinic.work()
    visits = {one["identifier"][0]["value"]: one for one in stored(world, "Encounter")}
    moved, planned = visits["IGD-20260310-0001"], visits["RJ-20260310-0004"]
    assert [one["period"].get("end") for one in moved["location"]] == [
        "2026-03-10T00:00:00+00:00",
        "2026-03-10T02:00:00+00:00",
    ]
    assert [one["type"][0]["coding"][0]["code"] for one in moved["participant"]] == ["ATND", "SPRF"]
    assert [one["class"]["code"] for one in moved["classHistory"]] == ["EMER", "OBSENC"]
    assert (moved["status"], planned["status"]) == ("finished", "planned")
    assert [one["status"] for one in planned["statusHistory"]] == ["planned"]
