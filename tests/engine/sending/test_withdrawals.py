"""Shipped types of SatuSehat with the sandbox: what was handed in by mistake is taken back, and comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.outbox.withdrawal.withdraw import reinstate, withdraw
from engine.queries.dependents import dependents_of
from sandbox.world import World
from tests.config.shipped import catalog
from tests.engine.sending.satusehat_clinic import SatuSehatClinic, stored
from tests.engine.sending.test_satusehat_types import hand_in_before

pytestmark = pytest.mark.anyio

WITHDRAWABLE = [name for name, spec in catalog().specs.items() if spec.withdrawal is not None]
TELLING = ("status", "lifecycleStatus", "verificationStatus", "active")
WITHDRAWN = {"entered-in-error", "cancelled", "inactive", "False"}


def told(resource: dict[str, object]) -> set[str]:
    """Return what a resource says of its status."""
    found = [resource[name] for name in TELLING if name in resource]
    return {str(one["coding"][0]["code"] if isinstance(one, dict) else one) for one in found}


def test_every_type_that_is_created_can_be_withdrawn_or_its_page_says_why_not() -> None:
    creating = {
        name
        for name, spec in catalog().specs.items()
        if spec.upstream.name == "satusehat" and spec.endpoint is not None
    }
    assert creating - set(WITHDRAWABLE) == {"Patient", "Consent"}


@pytest.mark.parametrize("name", WITHDRAWABLE)
async def test_a_record_is_taken_back_and_comes_back(clinic: SatuSehatClinic, world: World, name: str) -> None:
    spec, database = catalog().specs[name], clinic.hub.database
    await hand_in_before(clinic, name)
    await clinic.hand_in(name, spec.example)
    await clinic.work()
    query = text("SELECT id, status, reference, withdrawn_at FROM deliveries WHERE spec = :spec AND key = :key")
    row = {"spec": name, "key": str(spec.example["id"])}
    [sent] = await database.fetch(query, row)
    assert sent.status == "sent"
    await withdraw(database, clinic.hub.catalog.specs, clinic.facility.id, [sent.id], "sari", reason="salah pasien")
    await clinic.work()
    [gone] = await database.fetch(query, row)
    kind = spec.endpoint.path.render({}).strip("/")  # type: ignore[union-attr]
    [resource] = [one for one in stored(world, kind) if one["id"] == sent.reference]
    assert (gone.status, gone.reference, bool(gone.withdrawn_at)) == ("sent", sent.reference, True)
    assert told(resource) & WITHDRAWN
    declared = spec.record_schema["properties"]
    changed = next(
        one for one in ("patient_name", "practitioner_name", "name", "product_name", "at") if one in declared
    )
    fresh = "2026-03-10T10:00:00+07:00" if changed == "at" else "Siti Contoh Baru"
    await clinic.hand_in(name, {**spec.example, changed: fresh})
    await clinic.work()
    [back] = await database.fetch(query, row)
    [resource] = [one for one in stored(world, kind) if one["id"] == sent.reference]
    assert (back.status, back.withdrawn_at) == ("sent", None)
    assert not told(resource) & WITHDRAWN


async def test_what_depends_on_a_visit_is_found_through_others_too(clinic: SatuSehatClinic) -> None:
    await clinic.hand_in_examples("Condition", "Observation", "RiskAssessment", "Procedure")
    other = {**catalog().specs["Condition"].example, "id": "DX-9", "visit_id": "RJ-OTHER"}
    await clinic.hand_in("Condition", other)
    visit = str(catalog().specs["Encounter"].example["id"])
    found = await dependents_of(
        clinic.hub.database, catalog().specs, clinic.facility, ("Encounter", visit), "RM-000123"
    )
    assert {one.spec for one in found.deliveries} == {"Condition", "Observation", "RiskAssessment", "Procedure"}
    assert "DX-9" not in {one.key for one in found.deliveries}
    assert found.complete


async def test_what_refers_to_a_room_is_found_without_what_depends_on_that(clinic: SatuSehatClinic) -> None:
    await clinic.hand_in_examples("Condition", "Procedure")
    room = str(catalog().specs["Location"].example["id"])
    found = await dependents_of(clinic.hub.database, catalog().specs, clinic.facility, ("Location", room), None)
    assert {one.spec for one in found.deliveries} == {"Encounter"}
    assert (found.complete, found.of_patient) == (True, False)


async def test_a_visit_does_not_depend_on_its_diagnoses(clinic: SatuSehatClinic) -> None:
    spec = catalog().specs["Encounter"]
    await clinic.hand_in_examples("Condition")
    await clinic.hand_in("Encounter", spec.examples["finished"])
    diagnosis = str(catalog().specs["Condition"].example["id"])
    target = ("Condition", diagnosis)
    found = await dependents_of(clinic.hub.database, catalog().specs, clinic.facility, target, "RM-000123")
    assert found.deliveries == []


async def test_a_withdrawal_whose_answer_is_lost_is_sent_again(clinic: SatuSehatClinic, world: World) -> None:
    record = catalog().specs["Condition"].example
    await clinic.hand_in_examples("Condition")
    await clinic.work()
    world.faults.add("timeout-after-commit", method="PUT", path="/Condition/", times=1)
    await clinic.hand_in("Condition", {**record, "verification_status": "entered-in-error"})
    await clinic.work()
    [resource] = stored(world, "Condition")
    puts = [line for line in world.witness.log if (line["label"], line["method"]) == ("Condition", "PUT")]
    assert told(resource) == {"entered-in-error"}
    assert len(puts) == 2
    assert await clinic.outcomes("Condition") == {str(record["id"]): ("sent", None)}


async def statuses(clinic: SatuSehatClinic) -> list[str]:
    """Return the statuses of the order and of its specimen."""
    return [status for name in ("ServiceRequest", "Specimen") for status, _ in (await clinic.outcomes(name)).values()]


async def test_what_waits_for_a_code_is_set_aside_with_its_visit(clinic: SatuSehatClinic) -> None:
    await clinic.hand_in_examples()
    visit = str(catalog().specs["Encounter"].example["id"])
    order = {**catalog().specs["ServiceRequest"].example, "test": "LAB-TANPA-KODE"}
    await clinic.hand_in("ServiceRequest", order)
    await clinic.hand_in("Specimen", catalog().specs["Specimen"].example)
    await clinic.work()
    assert await statuses(clinic) == ["blocked", "blocked"]
    database, specs, facility = clinic.hub.database, catalog().specs, clinic.facility
    found = await dependents_of(database, specs, facility, ("Encounter", visit), "RM-000123")
    [row] = await database.fetch(text("SELECT id FROM deliveries WHERE spec = 'Encounter'"))
    waiting = [one.id for one in found.unsent]
    await withdraw(database, specs, facility.id, [row.id], "sari", reason="salah pasien", waiting=waiting)
    await clinic.work()
    assert await statuses(clinic) == ["ignored", "ignored"]
    await reinstate(database, specs, facility.id, row.id, "sari", reason="keliru")
    await clinic.work()
    assert await statuses(clinic) == ["blocked", "blocked"]
