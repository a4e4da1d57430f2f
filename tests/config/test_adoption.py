"""What an older bridge has sent is taken over: nothing is sent a second time, a later change is an update."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from engine.facilities.facilities import credentials
from engine.outbox import counters
from engine.sources.adoption import AdoptedIds, SourceAdoption, mapped_codes
from sandbox.embedded import running
from sandbox.his.cases import KFA
from sandbox.his.visits import Visit
from sandbox.world import World
from tests.config.pack_clinic import PackClinic, open_pack
from tests.engine.sources.conftest import answers

pytestmark = pytest.mark.anyio

OWNER = "100099001"  # organization of the packs' clinic


class Sent(NamedTuple):
    """A clinic whose own bridge has sent two visits and their diagnoses, and the sandbox that has them."""

    clinic: PackClinic
    visits: list[Visit]
    world: World

    async def adopt(self, *, dry_run: bool = False) -> dict[str, AdoptedIds]:
        clinic, hub = self.clinic, self.clinic.hub
        source = hub.catalog.sources[clinic.system]
        entered = await credentials(hub.database, hub.vault, clinic.facility.id, source.account)
        run = SourceAdoption(hub.intake, source, clinic.facility, entered, clinic.day, clinic.day, "sari", dry_run)
        return {one.name: one for one in await run.run()}


@pytest.fixture(params=["mlite", "khanza"])
async def sent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sent]:
    """Yield the clinic before its source is read; the second visit's diagnosis is not known to the bridge."""
    world = World()
    for kind, id_ in (("Location", "L-1"), ("Encounter", "E-1"), ("Encounter", "E-2"), ("Condition", "C-1")):
        world.satusehat.seed({"resourceType": kind, "id": id_}, OWNER)
    with running(world) as url:
        kind = "mariadb" if answers() else "sqlite"
        async with open_pack(request.param, kind, tmp_path, {"satusehat": url}) as clinic:
            visits = [clinic.his.visit(n, time(8, n)) for n in (1, 2)]
            await clinic.his.enter(visits)
            await clinic.database.insert(_stored_by_bridge(request.param, visits))
            yield Sent(clinic, visits, world)


def _stored_by_bridge(system: str, visits: list[Visit]) -> dict[str, list[dict[str, Any]]]:
    first, second = visits
    drugs = [{"kode_brng": key, "kfa": code} for key, code in KFA.items()]
    if system == "mlite":
        signs = dict.fromkeys(("nadi", "respirasi", "suhu", "spo2", "tinggi", "berat"), "")
        empty = {f"id_observation_ttv{sign}": value for sign, value in signs.items()}
        rows = [
            {"no_rawat": first.no_rawat, "id_encounter": "E-1", "id_condition": "C-1", **empty},
            {"no_rawat": second.no_rawat, "id_encounter": "E-2", "id_condition": "", **empty},
        ]
        return {
            "mlite_satu_sehat_lokasi": [{"kode": "UMU", "id_lokasi_satusehat": "L-1"}],
            "mlite_satu_sehat_response": [row | {"id_observation_ttvnadi": "O-1"} for row in rows[:1]] + rows[1:],
            "mlite_satu_sehat_mapping_obat": [{"kode_brng": d["kode_brng"], "kode_kfa": d["kfa"]} for d in drugs],
        }
    day, clock = first.at(10)
    condition = {"no_rawat": first.no_rawat, "kd_penyakit": "J06.9", "status": "Ralan", "id_condition": "C-1"}
    pulse = {"no_rawat": first.no_rawat, "tgl_perawatan": day, "jam_rawat": clock}
    return {
        "satu_sehat_mapping_lokasi_ralan": [{"kd_poli": "UMU", "id_lokasi_satusehat": "L-1"}],
        "satu_sehat_encounter": [
            {"no_rawat": first.no_rawat, "id_encounter": "E-1"},
            {"no_rawat": second.no_rawat, "id_encounter": "E-2"},
        ],
        "satu_sehat_condition": [condition, {**condition, "kd_penyakit": "Z99.9", "id_condition": "C-9"}],
        "satu_sehat_observationttvnadi": [{**pulse, "status": "Ralan", "id_observation": "O-1"}],
        "satu_sehat_mapping_obat": [{"kode_brng": d["kode_brng"], "obat_code": d["kfa"]} for d in drugs],
    }


async def test_ids_become_references_of_deliveries_that_count_as_sent(sent: Sent) -> None:
    accounts = await sent.adopt()
    assert {name: one.taken for name, one in accounts.items() if one.taken} == {
        "rooms": 1,
        "visits": 2,
        "diagnoses": 1,
        "signs": 1,
    }
    assert [one.fault for one in accounts.values() if one.fault] == []
    query = text("SELECT spec, key, status, reference, trigger FROM deliveries WHERE spec = 'Encounter' ORDER BY key")
    rows = [tuple(row) for row in await sent.clinic.hub.database.fetch(query)]
    first, second = sent.visits
    assert rows == [
        ("Encounter", first.no_rawat, "sent", "E-1", "adopt: sari"),
        ("Encounter", second.no_rawat, "sent", "E-2", "adopt: sari"),
    ]
    database = sent.clinic.hub.database
    assert await counters.kept(database) == await counters.recount(database)


async def test_what_was_taken_over_is_not_sent_again_and_a_change_is_an_update(sent: Sent) -> None:
    await sent.adopt()
    await sent.clinic.read()
    statuses = await sent.clinic.statuses()
    assert (statuses["Encounter", "sent"], statuses["Encounter", "queued"]) == (2, 0)
    assert (statuses["Condition", "sent"], statuses["Condition", "queued"]) == (1, 1)
    await sent.clinic.database.run("UPDATE reg_periksa SET stts = 'Dirujuk'")
    await sent.clinic.read()
    await sent.clinic.send()
    lines = {(line["method"], line["path"].partition("/v1")[2]) for line in sent.world.witness.log}
    encounters = {line for line in lines if "/Encounter" in line[1] and line[0] != "GET"}
    assert encounters == {("PUT", "/Encounter/E-1"), ("PUT", "/Encounter/E-2")}
    assert await sent.clinic.statuses() >= Counter({("Encounter", "sent"): 2, ("Condition", "sent"): 2})


async def test_a_dry_run_stores_nothing(sent: Sent) -> None:
    accounts = await sent.adopt(dry_run=True)
    assert accounts["visits"].taken == 2
    assert await sent.clinic.handed_in() == {}


async def test_taking_over_again_changes_nothing(sent: Sent) -> None:
    await sent.adopt()
    again = await sent.adopt()
    assert {name: (one.taken, one.before) for name, one in again.items() if one.ids} == {
        "rooms": (0, 1),
        "visits": (0, 2),
        "diagnoses": (0, 1),
        "signs": (0, 1),
    }


async def test_ids_without_a_record_are_told(sent: Sent) -> None:
    if sent.clinic.system == "mlite":
        await sent.clinic.database.run("UPDATE pemeriksaan_ralan SET nadi = '-'")
    accounts = await sent.adopt()
    name, key = {"mlite": ("signs", "heart_rate"), "khanza": ("diagnoses", "Z99.9")}[sent.clinic.system]
    assert accounts[name].without == 1
    assert accounts[name].named[0].endswith(key)


async def test_the_codes_of_the_clinics_own_system_are_printed_for_import(sent: Sent) -> None:
    hub = sent.clinic.hub
    source = hub.catalog.sources[sent.clinic.system]
    entered = await credentials(hub.database, hub.vault, sent.clinic.facility.id, source.account)
    assert dict(await mapped_codes(source, entered, "kfa")) == KFA
