"""Packs: a day of a system's own tables becomes records of the shipped entries; corrections are seen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import time
from pathlib import Path

import pytest

from engine.catalog.catalog import load
from engine.settings import ROOT
from tests.config.pack_clinic import PackClinic, open_pack
from tests.engine.sources.conftest import MARIADB, answers

pytestmark = pytest.mark.anyio
SYSTEMS = ("mlite", "khanza")


@pytest.fixture(params=SYSTEMS)
async def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PackClinic]:
    """Yield a clinic of each system; on MariaDB where one answers, its types and dates being the real ones."""
    kind = "mariadb" if answers() else "sqlite"
    async with open_pack(request.param, kind, tmp_path) as opened:
        yield opened


async def test_a_day_becomes_records(clinic: PackClinic) -> None:
    visits = [clinic.his.visit(n, time(8, n)) for n in range(1, 7)]
    await clinic.his.enter(visits)
    await clinic.read()
    handed_in = await clinic.handed_in()
    numbers = {visit.no_rawat for visit in visits}
    assert handed_in["Location"] == {"UMU", "IGDK"}
    assert handed_in["Practitioner"] == {"DR001"}
    assert handed_in["Patient"] == {visit.record for visit in visits}
    assert handed_in["Encounter"] == numbers
    assert handed_in["Condition"] == {f"{visit.no_rawat}/{visit.case.diagnosis}" for visit in visits}
    assert handed_in["Procedure"] == {f"{visits[1].no_rawat}/8952"}
    assert len(handed_in["Observation"]) == 8 * 6
    lines = {f"{visit.no_resep}/{drug}" for visit in visits for drug, _, _ in visit.case.drugs}
    assert handed_in["MedicationRequest"] == handed_in["MedicationDispense"] == lines
    assert len(handed_in["LabResult"]) == 3
    assert handed_in["TambahPendaftaran"] == handed_in["TambahKunjungan"] == {visits[2].no_rawat, visits[5].no_rawat}
    assert await clinic.ledger() == {("doctors", "DR002"): "skipped"}


async def test_what_the_tables_say_is_in_the_records(clinic: PackClinic) -> None:
    visits = [clinic.his.visit(n, time(8, n)) for n in range(1, 7)]
    await clinic.his.enter(visits)
    await clinic.read()
    assert (await clinic.record("Encounter", visits[0].no_rawat))["status"] == "finished"
    assert (await clinic.record("Procedure", f"{visits[1].no_rawat}/8952"))["icd9cm"]["code"] == "89.52"
    prescribed = await clinic.record("MedicationRequest", f"{visits[0].no_resep}/B0001")
    assert prescribed["dosage"] == {"text": "3 x 1", "frequency": 3, "dose": 1}
    before_meals = await clinic.record("MedicationRequest", f"{visits[2].no_resep}/B0004")
    assert before_meals["dosage"] == {"text": "2 x 1 sebelum makan", "frequency": 2}
    dispensed = await clinic.record("MedicationDispense", f"{visits[0].no_resep}/B0001")
    assert (dispensed["quantity"], dispensed["unit"]) == (10, "tablet")
    served = await clinic.record("TambahKunjungan", visits[2].no_rawat)
    assert (served["temperature"], served["provider"], served["vitals"]["weight"]) == (36.8, "10009901", 60)


async def test_results_are_numbers_answers_or_words(clinic: PackClinic) -> None:
    visits = [clinic.his.visit(n, time(8, n)) for n in (4, 5)]
    await clinic.his.enter(visits)
    await clinic.database.run("UPDATE detail_periksa_lab SET nilai = '5.600' WHERE id_template = 2")
    await clinic.read()
    keys = (await clinic.handed_in())["LabResult"]
    results = {record["test"]: record for record in [await clinic.record("LabResult", key) for key in keys]}
    assert (results["1"]["value"], results["1"]["unit"], results["1"]["low"]) == (12.4, "g/dL", 12)
    assert results["2"]["value_text"] == "5.600 10^3/ul"
    assert results["3"]["answer"] == "negative"


async def test_a_visit_that_is_not_over_has_arrived_or_is_cancelled(clinic: PackClinic) -> None:
    waiting, left = clinic.his.visit(1, time(8)), clinic.his.visit(2, time(8, 5))
    await clinic.his.register(waiting)
    await clinic.his.register(left)
    await clinic.his.cancel(left)
    await clinic.read()
    assert (await clinic.record("Encounter", waiting.no_rawat))["status"] == "arrived"
    assert (await clinic.record("Encounter", left.no_rawat))["status"] == "cancelled"


async def test_a_corrected_diagnosis_is_handed_in_and_the_old_one_set_aside(clinic: PackClinic) -> None:
    visit = clinic.his.visit(1, time(8))
    await clinic.his.enter([visit])
    await clinic.read()
    await clinic.his.correct_diagnosis(visit, "I10")
    await clinic.read()
    await clinic.read()
    old, new = f"{visit.no_rawat}/J06.9", f"{visit.no_rawat}/I10"
    assert (await clinic.handed_in())["Condition"] == {old, new}
    assert (await clinic.ledger())["diagnoses", old] == "gone"
    assert [one["id"] for one in (await clinic.record("Encounter", visit.no_rawat))["diagnoses"]] == [new]


async def test_what_is_not_handed_over_or_has_no_instruction_is_told(clinic: PackClinic) -> None:
    visit = clinic.his.visit(1, time(8))
    await clinic.his.enter([visit])
    await clinic.database.run(
        "UPDATE resep_obat SET tgl_penyerahan = '0000-00-00', jam_penyerahan = '00:00:00'",
        "UPDATE resep_dokter SET aturan_pakai = '-' WHERE kode_brng = 'B0002'",
    )
    await clinic.read()
    told = await clinic.ledger()
    assert told["prescriptions", f"{visit.no_resep}/B0002"] == "skipped"
    assert sum(state == "skipped" for (read, _), state in told.items() if read == "dispenses") == 2


async def test_what_the_system_has_registered_itself_is_not_registered_again(clinic: PackClinic) -> None:
    visit = clinic.his.visit(3, time(8))
    await clinic.his.enter([visit])
    registered = {
        "mlite": ["UPDATE mlite_bridging_pcare SET nomor_urut = 'A1', nomor_kunjungan = 'K1'"],
        "khanza": [
            "UPDATE pcare_pendaftaran SET status = 'Terkirim'",
            "UPDATE pcare_kunjungan_umum SET status = 'Terkirim'",
        ],
    }
    await clinic.database.run(*registered[clinic.system])
    await clinic.read()
    assert {spec for spec in await clinic.handed_in() if spec.startswith("Tambah")} == set()


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_pack_asks_for_the_tables_that_it_reads_and_no_others(system: str) -> None:
    source = load(ROOT / "config").sources[system]
    queries = [
        query for read in source.reads.values() for query in (read.query, *(f.query for f in read.further.values()))
    ]
    queries += [*(one.query for one in source.adopt.values()), *source.codes.values()]
    named = {name for query in queries for name in re.findall(r"\b(?:FROM|JOIN) ([a-z_0-9]+)", query)}
    assert set(source.grants) == named


def test_mariadb_answers_or_the_packs_are_read_on_sqlite_only() -> None:
    if not answers():
        pytest.skip(f"NO MARIADB at {MARIADB.host}:{MARIADB.port} (ANTAR_TEST_MARIADB_URL): packs on SQLite only")
