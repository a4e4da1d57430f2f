"""A clinic's day from its own tables to the sandbox: entered, sent, corrected, deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox.embedded import running
from sandbox.his.visits import Visit
from sandbox.world import World
from tests.config.pack_clinic import PackClinic, open_pack
from tests.engine.sources.conftest import MARIADB, answers

pytestmark = pytest.mark.anyio
VISITS = 30
SENT = {  # of 30 visits: five of each of six cases, and ten paid by BPJS
    "Location": 2,
    "Practitioner": 1,
    "Patient": 30,
    "Encounter": 30,
    "Condition": 30,
    "Observation": 240,
    "Procedure": 5,
    "MedicationRequest": 35,
    "MedicationDispense": 35,
    "LabResult": 15,
    "TambahPendaftaran": 10,
    "TambahKunjungan": 10,
}


class Day(NamedTuple):
    """A clinic on a day, its visits, and the sandbox."""

    clinic: PackClinic
    visits: list[Visit]
    world: World

    def stored(self, kind: str, identifier: str) -> dict[str, Any]:
        """Return the sandbox's resource with this identifier."""
        resources = [one.resource for one in self.world.satusehat.store.of_type(kind)]
        [found] = [one for one in resources if identifier in [each.get("value") for each in one.get("identifier", [])]]
        return found

    async def read_twice_and_send(self) -> None:
        await self.clinic.read()
        await self.clinic.read()
        await self.clinic.send()


@pytest.fixture(params=["mlite sqlite", "mlite mariadb", "khanza sqlite", "khanza mariadb"])
async def day(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Day]:
    """Yield a day whose visits have been entered, read and sent."""
    system, kind = request.param.split()
    if kind == "mariadb" and not answers():
        pytest.skip(f"NO MARIADB at {MARIADB.host}:{MARIADB.port} (ANTAR_TEST_MARIADB_URL): packs on SQLite only")
    world = World()
    with running(world) as url:
        addresses = {"satusehat": url, "pcare": f"{url}/pcare-rest", "antrean": f"{url}/antreanfktp"}
        async with open_pack(system, kind, tmp_path, addresses) as clinic:
            visits = [clinic.his.visit(n, time(8, n)) for n in range(1, VISITS + 1)]
            await clinic.his.enter(visits)
            await clinic.read()
            await clinic.map_codes(tmp_path)
            await clinic.send()
            yield Day(clinic, visits, world)


async def test_a_day_is_sent_corrected_and_withdrawn(day: Day) -> None:
    clinic, visit = day.clinic, day.visits[0]
    assert await clinic.problems() == []
    assert await clinic.statuses() == Counter({(spec, "sent"): number for spec, number in SENT.items()})

    await clinic.his.correct_diagnosis(visit, "J02.9")
    await clinic.his.correct_temperature(day.visits[1], "38,2")
    await clinic.his.delete_drug(visit, "B0002")
    await day.read_twice_and_send()

    assert await clinic.problems() == []
    old, new = (day.stored("Condition", f"{visit.no_rawat}/{code}") for code in ("J06.9", "J02.9"))
    assert old["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert new["verificationStatus"]["coding"][0]["code"] == "confirmed"
    [referred] = day.stored("Encounter", visit.no_rawat)["diagnosis"]
    assert referred["condition"]["reference"] == f"Condition/{new['id']}"
    assert day.stored("MedicationRequest", f"{visit.no_resep}/B0002")["status"] == "entered-in-error"
    assert day.stored("MedicationRequest", f"{visit.no_resep}/B0001")["status"] == "completed"
    feverish = f"{day.visits[1].no_rawat}/{day.visits[1].at(10)[0]}/{day.visits[1].at(10)[1]}/temperature"
    assert day.stored("Observation", feverish)["valueQuantity"]["value"] == 38.2
    gone = {key for key, state in (await clinic.ledger()).items() if state == "gone"}
    dispensed = f"{visit.no_rawat}/{visit.at(20)[0]}/{visit.at(20)[1]}/B0002"
    assert gone == {
        ("diagnoses", f"{visit.no_rawat}/J06.9"),
        ("prescriptions", f"{visit.no_resep}/B0002"),
        ("dispenses", dispensed),
    }
    assert day.world.witness.summary()["duplicates_created"] == 0


async def test_a_visit_that_is_deleted_is_withdrawn_with_all_that_belongs_to_it(day: Day) -> None:
    clinic, visit = day.clinic, day.visits[2]
    await clinic.his.delete(visit)
    await day.read_twice_and_send()
    assert day.stored("Encounter", visit.no_rawat)["status"] == "cancelled"
    condition = day.stored("Condition", f"{visit.no_rawat}/{visit.case.diagnosis}")
    assert condition["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert day.stored("MedicationRequest", f"{visit.no_resep}/B0004")["status"] == "entered-in-error"
    assert (await clinic.statuses())["HapusKunjungan", "sent"] == 1
    assert (await clinic.statuses())["HapusPendaftaran", "sent"] == 1
    assert await clinic.problems() == []
