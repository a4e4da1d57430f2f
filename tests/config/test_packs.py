"""Packs: a day of a system's own tables becomes records of the shipped entries; corrections are seen."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.actors import make_broker
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from engine.sources import states
from engine.sources.reader import SourceReader
from tests import databases
from tests.conftest import Clock

pytestmark = pytest.mark.anyio
# The columns that the pack names, of the tables that it names.
MLITE = """
CREATE TABLE poliklinik (kd_poli TEXT PRIMARY KEY, nm_poli TEXT, status TEXT);
CREATE TABLE dokter (kd_dokter TEXT PRIMARY KEY, nm_dokter TEXT);
CREATE TABLE pegawai (nik TEXT PRIMARY KEY, no_ktp TEXT);
CREATE TABLE kabupaten (kd_kab TEXT PRIMARY KEY, nm_kab TEXT);
CREATE TABLE pasien (no_rkm_medis TEXT PRIMARY KEY, nm_pasien TEXT, no_ktp TEXT, jk TEXT, tmp_lahir TEXT,
  tgl_lahir TEXT, alamat TEXT, stts_nikah TEXT, no_tlp TEXT, kd_kel TEXT, kd_kab TEXT);
CREATE TABLE reg_periksa (no_rawat TEXT PRIMARY KEY, tgl_registrasi TEXT, jam_reg TEXT, stts TEXT, kd_dokter TEXT,
  kd_poli TEXT, no_rkm_medis TEXT, status_lanjut TEXT);
CREATE TABLE pemeriksaan_ralan (no_rawat TEXT, tgl_perawatan TEXT, jam_rawat TEXT, tensi TEXT, nadi TEXT,
  respirasi TEXT, suhu_tubuh TEXT, spo2 TEXT, tinggi TEXT, berat TEXT);
CREATE TABLE diagnosa_pasien (no_rawat TEXT, kd_penyakit TEXT, status TEXT, prioritas INTEGER);
CREATE TABLE penyakit (kd_penyakit TEXT PRIMARY KEY, nm_penyakit TEXT);
INSERT INTO poliklinik VALUES ('UMU', 'Poli Umum', '1'), ('-', '-', '0');
INSERT INTO dokter VALUES ('DR001', 'dr. Rangga Uji'), ('DR002', 'dr. Tanpa NIK');
INSERT INTO pegawai VALUES ('DR001', '7299010101800001'), ('DR002', '-');
INSERT INTO kabupaten VALUES ('3174', 'Jakarta Selatan');
INSERT INTO pasien VALUES
  ('000001', 'Ardi Uji ', '9271060312000001', 'L', 'Jakarta', '1990-03-12', 'Jl. Contoh', 'MENIKAH', '0812',
    '3174101001', '3174'),
  ('000002', 'Sinta Uji', '-', 'P', '-', '2001-01-01', '', 'BELUM MENIKAH', '', '12', NULL);
INSERT INTO penyakit VALUES ('J06.9', 'Acute upper respiratory infection'), ('I10', 'Essential hypertension');
INSERT INTO reg_periksa VALUES
  ('2026/03/10/000001', '2026-03-10', '08:00:00', 'Sudah', 'DR001', 'UMU', '000001', 'Ralan'),
  ('2026/03/10/000002', '2026-03-10', '08:10:00', 'Batal', 'DR001', 'UMU', '000001', 'Ralan'),
  ('2026/03/10/000003', '2026-03-10', '08:20:00', 'Dirawat', 'DR001', 'UMU', '000001', 'Ranap');
INSERT INTO pemeriksaan_ralan VALUES
  ('2026/03/10/000001', '2026-03-10', '08:20:00', '120/80', '80', '20', '36,8', '98', '165', '-');
INSERT INTO diagnosa_pasien VALUES ('2026/03/10/000001', 'J06.9', 'Ralan', 1);
"""


class Mlite:
    """A clinic with mLITE, and a hub that reads it."""

    def __init__(self, hub: Hub, file: Path, facility_id: int, clock: Clock) -> None:
        self.hub, self.facility_id, self._file, self._clock = hub, facility_id, file, clock
        self._reader = SourceReader(hub.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, "worker")

    def run(self, statements: str) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.executescript(statements)

    async def read(self, seconds: float = 60) -> None:
        self._clock.pass_(seconds)
        await self._reader.tick()
        await self._reader.idle()

    async def deliveries(self) -> dict[str, set[str]]:
        rows = await self.hub.database.fetch(text("SELECT spec, key FROM deliveries"))
        return {spec: {row.key for row in rows if row.spec == spec} for spec in {row.spec for row in rows}}

    async def record(self, key: str) -> str:
        [row] = await self.hub.database.fetch(text("SELECT record FROM deliveries WHERE key = :key"), {"key": key})
        return str(row.record)

    async def told(self) -> dict[str, str]:
        rows = await self.hub.database.fetch(text("SELECT key, state, problem FROM source_rows WHERE state <> 'taken'"))
        return {row.key: row.state for row in rows}


@pytest.fixture
async def mlite(tmp_path: Path, clock: Clock) -> AsyncIterator[Mlite]:
    """Yield the clinic on the day of the tests' clock."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    pack = config / "packs" / "mlite" / "source.yaml"
    pack.write_text(pack.read_text("utf-8").replace("system: mariadb", "system: sqlite"), "utf-8")
    resources = config / "resources.yaml"
    resources.write_text(resources.read_text("utf-8").replace("include:", "include:\n  - packs/mlite/source.yaml", 1))
    url = databases.sqlite(tmp_path)
    settings = Settings(environment="demo", database_url=url, secret_keys=(new_key(),), config_dir=config)
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), clock=clock)
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    clinic = Mlite(hub, tmp_path / "sik.db", facility.id, clock)
    clinic.run(MLITE)
    await set_credentials(hub.database, hub.vault, facility.id, "source:mlite", {"database": str(tmp_path / "sik.db")})
    await states.start(hub.database, facility.id, hub.catalog.sources["mlite"], date(2026, 3, 10), "sari")
    yield clinic
    await hub.close()


async def test_a_day_of_mlite_becomes_records(mlite: Mlite) -> None:
    await mlite.read()
    handed_in = await mlite.deliveries()
    visit = "2026/03/10/000001"
    assert handed_in["Location"] == {"UMU"}
    assert handed_in["Practitioner"] == {"DR001"}
    assert handed_in["Patient"] == {"000001"}
    assert handed_in["Encounter"] == {visit, "2026/03/10/000002"}
    assert handed_in["Condition"] == {f"{visit}/J06.9"}
    assert len(handed_in["Observation"]) == 7
    assert '"status":"finished"' in await mlite.record(visit)
    assert '"status":"cancelled"' in await mlite.record("2026/03/10/000002")
    assert await mlite.told() == {"DR002": "skipped"}


async def test_a_corrected_diagnosis_is_handed_in_and_the_old_one_set_aside(mlite: Mlite) -> None:
    await mlite.read()
    mlite.run("UPDATE diagnosa_pasien SET kd_penyakit = 'I10'")
    await mlite.read()
    await mlite.read()
    visit = "2026/03/10/000001"
    assert (await mlite.deliveries())["Condition"] == {f"{visit}/J06.9", f"{visit}/I10"}
    assert (await mlite.told())[f"{visit}/J06.9"] == "gone"
    assert f"{visit}/I10" in await mlite.record(visit)
