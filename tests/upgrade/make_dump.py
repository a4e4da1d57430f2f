"""Makes `0014.ndjson`: the rows of a small clinic's database as the program of revision 0014 (commit 521efa2) left it.

Run by hand, with the code of that commit and never with a later one:

    git worktree add ../antar-0014 521efa2
    cp tests/upgrade/make_dump.py ../antar-0014/ && cd ../antar-0014
    PYTHONPATH=. python make_dump.py /path/to/0014.ndjson

Everything goes through the program itself: records are handed in, a worker sends them to the sandbox, people mend,
patients call. The last hours leave work undone in every way there is: see `_pending`. Clocks are fixed; what is random
(ids of the sandbox, seals, salts) differs from run to run. Secrets are sealed with SECRET_KEY, which is none.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import orjson
import structlog
from sqlalchemy import Connection, MetaData, insert, select, text

from admin.app import create_app
from admin.commands.demo import demo_credentials
from admin.commands.demo_records import day
from admin.commands.mappings import import_table
from admin.people import users
from engine.actors import make_broker
from engine.code_lists import synchronisations
from engine.database.tables import AlertRecipient, Role
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow, add_facility, new_api_key, set_credentials
from engine.hub import Hub
from engine.intake.intake import Refused
from engine.jobs import jobs
from engine.jobs.runner import run_jobs
from engine.limits.breaker import CircuitBreaker
from engine.limits.slot_allocator import SlotAllocator
from engine.limits.slots import Limits
from engine.maintenance.retention import AttemptRetention
from engine.outbox.claim import begin, claim
from engine.outbox.delayed_resend import schedule_resend
from engine.outbox.edit import Basis, Saved, save
from engine.outbox.resend import ignore, resend
from engine.queries.deliveries import Filters
from engine.settings import ROOT, Settings
from engine.specs.code_list import CodeListRow
from engine.worker import Worker
from sandbox.bpjs.mobile_jkn import MobileJkn
from sandbox.embedded import running
from sandbox.world import World

SECRET_KEY = base64.urlsafe_b64encode(b"antar upgrade test, not a secret").decode()
PASSWORD = "kata-sandi-yang-panjang"
HUNDRED_DAYS_BEFORE, NOW = 1_764_565_200_000, 1_773_205_200_000
"""Epoch milliseconds; NOW is 2026-03-11 12:00 in Jakarta, the day after the demo's."""
PATIENCE_SECONDS = 60.0
UPSTREAMS = {"satusehat": "", "pcare": "/pcare-rest", "antrean": "/antreanfktp"}

VISITS = {"RJ-0001", "RJ-0021", "RJ-0023"}
UNDER_WAY, NOT_BEGUN = "RJ-0002", "RJ-0018"
PATIENTS = {"RM-000211", "RM-000229"}
"""Those that are found wrong, besides the patients of the visits."""
OBSERVED = ("NADI", f"{UNDER_WAY}-SUHU", f"{UNDER_WAY}-BB")
"""How the ids of those observations end that are handed in."""
NUMBERS = ("0001", "0006", "0012", "0013", "0016")
LAST_NUMBER = "0018"
"""Of the records for BPJS; the last ones are not looked at by any worker."""
FOUNDATION = ("Organization", "Location", "Practitioner")
BPJS = (
    "TambahAntrean",
    "PanggilAntrean",
    "BatalAntrean",
    "TambahPendaftaran",
    "TambahKunjungan",
    "HapusKunjungan",
    "HapusPendaftaran",
)
KEPT_ROWS = 3
"""Of a code list, besides those that an item is mapped to."""


class EarlierClinic:
    """The clinic, its sandbox, and its day."""

    def __init__(self, hub: Hub, world: World, clinic: FacilityRow, clock: Clock) -> None:
        self.hub, self.world, self.clinic, self.clock = hub, world, clinic, clock
        self.files = {name: [orjson.loads(line) for line in lines.splitlines()] for name, lines in _day()}
        self.files["Observation"] = [record for record in self.files["Observation"] if record["id"].endswith(OBSERVED)]
        for summary in self.files["Composition"]:
            summary["observations"] = [
                record for record in summary.get("observations", []) if record.endswith(OBSERVED)
            ]
        self.lists = hub.catalog.code_lists
        upstreams = {name: replace(upstream, rate=1000.0) for name, upstream in hub.catalog.upstreams.items()}
        specs = {
            name: replace(spec, upstream=upstreams[spec.upstream.name]) for name, spec in hub.catalog.specs.items()
        }
        hub.catalog = replace(hub.catalog, specs=specs, upstreams=upstreams)
        for name in ("pcare", "antrean"):
            hub.upstream(name)._wall = lambda: clock.now / 1000  # type: ignore[attr-defined]

    async def hand_in(self, spec: str, *records: Mapping[str, Any]) -> None:
        if records:
            results = await self.hub.intake.hand_in(self.clinic, spec, list(records))
            assert not [result for result in results if isinstance(result, Refused)], results

    async def visit(self, number: str) -> None:
        """Submit everything of one visit."""
        [encounter] = [record for record in self.files["Encounter"] if record["id"] == number]
        await self.hand_in(
            "Patient", *[record for record in self.files["Patient"] if record["norm"] == encounter["norm"]]
        )
        await self.hand_in("Encounter", encounter)
        for name, records in self.files.items():
            await self.hand_in(
                name, *[record for record in records if name not in BPJS and record.get("visit_id") == number]
            )

    async def work(self) -> None:
        """Run the worker until nothing is due any more except in a closed channel."""
        whole, self.hub.catalog = self.hub.catalog, replace(self.hub.catalog, code_lists={})
        worker, stop = Worker(self.hub, random.Random(1)), asyncio.Event()
        working = asyncio.create_task(worker.run(stop))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.rows(DUE, now=self.clock.now):  # noqa: ASYNC110 - nobody tells the script
                await asyncio.sleep(0.02)
        stop.set()
        await working
        self.hub.catalog = whole

    async def rows(self, query: str, **values: Any) -> list[Any]:
        return list(await self.hub.database.fetch(text(query), values))

    async def id(self, spec: str, key: str) -> int:
        [(id_,)] = await self.rows("SELECT id FROM deliveries WHERE spec = :spec AND key = :key", spec=spec, key=key)
        return int(id_)


class Clock:
    def __init__(self) -> None:
        self.now = HUNDRED_DAYS_BEFORE

    def __call__(self) -> int:
        return self.now


DUE = """
SELECT 1 FROM deliveries AS d WHERE due_at <= :now AND NOT EXISTS (
  SELECT 1 FROM channels AS c WHERE c.upstream = d.upstream AND c.facility_id = d.facility_id
) LIMIT 1
"""


def _day() -> Iterator[tuple[str, str]]:
    return day(ROOT / "config", date(2026, 3, 10))


async def main(target: Path) -> None:
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    clock = Clock()
    world = World(now=lambda: clock.now / 1000)
    with tempfile.TemporaryDirectory() as folder, running(world) as url:
        addresses = {name: url + path for name, path in UPSTREAMS.items()}
        database_url = f"sqlite:///{folder}/antar.sqlite3"
        settings = Settings("demo", database_url, secret_keys=(SECRET_KEY,), addresses=addresses)
        hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), clock=clock)
        clinic = await add_facility(hub.database, "klinik", "Klinik Contoh", "Asia/Jakarta", "100099001")
        for upstream, secrets in demo_credentials(ROOT / "config", 9).items():
            await set_credentials(hub.database, hub.vault, clinic.id, upstream, secrets)
        scene = EarlierClinic(hub, world, clinic, clock)
        for chapter in (_long_ago, _people, _lists, _mapped, _played, _called, _mended, _pending, _dead_worker):
            await chapter(scene)
        await hub.database.on_connection(_trim)
        await hub.database.on_connection(lambda connection: target.write_bytes(b"".join(_lines(connection))))
        await hub.close()


async def _long_ago(scene: EarlierClinic) -> None:
    """Send deliveries so long ago that their bodies are pruned; one practitioner stays unsettled."""
    for spec in FOUNDATION:
        await scene.hand_in(spec, *scene.files[spec])
    await scene.work()
    scene.clock.now = NOW
    await AttemptRetention(scene.hub.database, lambda: scene.hub.catalog, None).tick()


async def _people(scene: EarlierClinic) -> None:
    database, vault, clinic = scene.hub.database, scene.hub.vault, scene.clinic
    role = {"name": "petugas", "label": "Petugas", "permissions": '["satusehat", "resend", "bodies"]'}
    await database.write_models(lambda tx: tx.execute(insert(Role), role))
    await users.add_user(database, "admin", PASSWORD, "superadmin")
    await users.add_user(database, "sari", PASSWORD, "petugas", clinic.id)
    await new_api_key(database, clinic.id, "simrs")
    recipient = {"facility_id": clinic.id, "name": "Sari", "way": "telegram", "address": "-100123456"}
    recipient |= {"sealed": vault.seal({"secret": "7:RAHASIA"}), "enabled": False, "digest_at": "07:00"}
    recipient |= {"waiting_minutes": 60, "failure_percent": 20, "created_at": scene.clock.now}
    await database.write_models(lambda tx: tx.execute(insert(AlertRecipient), recipient))


async def _lists(scene: EarlierClinic) -> None:
    """Read lists from a file, an upstream and by hand; leave one being read and one failed."""
    hub, clinic = scene.hub, scene.clinic
    for name in ("loinc_laboratory", "pcare_poli"):
        await synchronisations.begin(hub.database, scene.lists[name].owner(clinic.id), name, "admin")
        held = await synchronisations.lease_next(hub.database)
        assert held is not None
        await hub.synchroniser.read(held)
    await _copy(scene, "antrean_poli", CodeListRow("2026-03-12/001", {"code": "001", "name": "Umum"}))
    doctor = {"poli": "Umum", "code": "7", "name": "dr. Sari", "hours": "08:00-12:00", "places": 30}
    await _copy(scene, "antrean_dokter", CodeListRow("2026-03-12/001/7/08:00-12:00", doctor))
    await _copy(scene, "pcare_kesadaran", CodeListRow("01", {"name": "Compos mentis"}), finish=False)
    await synchronisations.begin(hub.database, clinic.id, "pcare_dokter", "admin")
    held = await synchronisations.lease_next(hub.database)
    assert held is not None
    await synchronisations.fail(hub.database, held, "Layanan tidak dapat dihubungi.")


async def _copy(scene: EarlierClinic, name: str, row: CodeListRow, *, finish: bool = True) -> None:
    database = scene.hub.database
    await synchronisations.begin(database, scene.clinic.id, name, "admin")
    held = await synchronisations.lease_next(database)
    assert held is not None
    await synchronisations.store_page(
        database, held, [row], done=1 if finish else 0, offset=0, total=1 if finish else 2
    )
    if finish:
        await synchronisations.finish(database, held)


async def _mapped(scene: EarlierClinic) -> None:
    """Map one item, leave one without a code, and change the record of another."""
    hub, clinic = scene.hub, scene.clinic
    await scene.hand_in("LabTest", *scene.files["LabTest"])
    await scene.hand_in("Product", *scene.files["Product"][:20])
    folder = ROOT / "config" / "demo" / "mappings"
    for line in (folder / "kfa.csv").read_text("utf-8").splitlines()[1:11]:
        code = next(word for word in line.split(",") if word.startswith("93"))
        await hub.synchroniser.one(scene.lists["kfa"], clinic, code)
    for name in ("kfa", "laboratory"):
        await import_table(hub, name, clinic.id, folder / f"{name}.csv", "admin")
    changed = {**scene.files["Product"][1], "strength": "250 mg/5 mL"}
    await scene.hand_in("Product", changed)


async def _played(scene: EarlierClinic) -> None:
    """Play a day: most deliveries arrive, some are refused, some wait."""
    await scene.hand_in("Patient", *[record for record in scene.files["Patient"] if record["norm"] in PATIENTS])
    for number in sorted(VISITS):
        await scene.visit(number)
    [summary] = [record for record in scene.files["Composition"] if record["id"] == "RJ-0001"]
    await scene.hand_in("Composition", {**summary, "observations": [*summary["observations"], "LAB-HB-RJ-0001"]})
    for spec in BPJS:
        await scene.hand_in(spec, *[record for record in scene.files[spec] if record["id"].endswith(NUMBERS)])
    await scene.work()


async def _called(scene: EarlierClinic) -> None:
    """Let patients take numbers by phone, and one cancel."""
    secrets = demo_credentials(ROOT / "config")["inbound:mobile_jkn"]
    transport = httpx.ASGITransport(create_app(scene.hub))
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:

        async def ask(method: str, path: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
            answer = await client.request(method, f"/inbound/klinik{path}", headers=dict(headers), json=body)
            return dict(answer.json())

        phone = MobileJkn(ask, secrets["username"], secrets["password"])
        await phone.log_in()
        wish = {"nik": "3171010101010001", "kodepoli": "001", "tanggalperiksa": "2026-03-12", "keluhan": "batuk"}
        wish |= {"kodedokter": 7, "jampraktek": "08:00-12:00", "norm": "000123", "nohp": "0812"}
        for card in ("0001234567890", "0001234567891"):
            assert "response" in await phone.take({**wish, "nomorkartu": card})
        await phone.cancel({**wish, "nomorkartu": "0001234567891"})


async def _mended(scene: EarlierClinic) -> None:
    """Ignore and resend deliveries, one by one and in bulk."""
    database, clinic = scene.hub.database, scene.clinic
    await ignore(database, clinic.id, [await scene.id("TambahKunjungan", "KJ-0012")], "sari", reason="Salah input")
    await resend(database, clinic.id, [await scene.id("TambahAntrean", "AN-0012")], "sari", reason="Sudah skrining")
    await scene.work()
    failed = Filters(specs=["TambahAntrean"], statuses=["failed"])
    chosen = {"spec": "TambahAntrean", "status": ["failed"]}
    fields: dict[str, Any] = {"chosen": chosen, "reason": "Data sudah dibetulkan", "actor": "sari"}
    await jobs.start(database, clinic.id, "antrean", jobs.Action.RESEND, failed, **fields)
    await run_jobs(database, lambda channel: None, lambda: False)
    await scene.work()


async def _pending(scene: EarlierClinic) -> None:
    """One of each that is not done.

    Trying again, in doubt, a resend with time to undo, written by hand, a closed queue, a job that runs, one that was
    not begun, a visit that nobody has looked at.
    """
    hub, clinic, faults = scene.hub, scene.clinic, scene.world.faults
    faults.add(path="/Observation", method="POST", body="RJ-0002-NADI", times=1, status=429, text="", commit=False)
    faults.add(path="/Observation", method="POST", body="RJ-0002-SUHU", times=1, ending="reset")
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "value"}]}
    refusal = orjson.dumps(outcome).decode()
    faults.add(path="/Observation", method="POST", body="RJ-0002-BB", times=1, status=400, text=refusal, commit=False)
    await scene.visit(UNDER_WAY)
    second = await add_facility(hub.database, "klinik-kedua", "Klinik Kedua", "Asia/Makassar", "100099002")
    await hub.intake.hand_in(second, "Patient", scene.files["Patient"][:1])
    await scene.work()
    await schedule_resend(hub.database, clinic.id, await scene.id("Observation", "RJ-0002-BB"), "sari")
    await _written(scene, await scene.id("Observation", "RJ-0021-NADI"))
    failed = [await scene.id("TambahPendaftaran", "PD-0016")]
    fields: dict[str, Any] = {"chosen": {"spec": "TambahPendaftaran", "ids": len(failed)}, "actor": "sari"}
    await jobs.start(hub.database, clinic.id, "pcare", jobs.Action.RESEND, failed, reason="Sudah pindah", **fields)
    await jobs.draft(hub.database, clinic.id, "pcare", jobs.Action.IGNORE, failed, **fields)
    await scene.visit(NOT_BEGUN)
    for spec in BPJS:
        await scene.hand_in(spec, *[record for record in scene.files[spec] if record["id"].endswith(LAST_NUMBER)])
    await CircuitBreaker(hub.database).close_without_account(Channel("pcare", clinic.id), "Service Expired")


async def _written(scene: EarlierClinic, id_: int) -> None:
    """Correct the unit in the refused body, as a person."""
    query = "SELECT request FROM attempts WHERE delivery_id = :id ORDER BY id DESC LIMIT 1"
    [(request,)] = await scene.rows(query, id=id_)
    body = orjson.loads(request)
    body["valueQuantity"] |= {"unit": "/min", "code": "/min"}
    words = orjson.dumps(body).decode()
    basis = Basis(1)
    saved = await save(scene.hub.database, scene.clinic.id, id_, "admin", words, reason="Satuan salah", basis=basis)
    assert saved is Saved.DONE


async def _dead_worker(scene: EarlierClinic) -> None:
    """Kill a worker with two batches: of one the requests had begun, of the other none had."""
    database, channel = scene.hub.database, Channel("satusehat", scene.clinic.id)
    worker = Worker(scene.hub)
    worker.name = "mesin-lama:17:abcdef"
    [begun] = {claimed.lease.id: claimed.lease for claimed in await claim(database, channel, 3, worker.name)}.values()
    await begin(database, begun)
    assert await claim(database, channel, 2, worker.name)
    await SlotAllocator(database, worker.name).join(channel, Limits(8, None))
    await worker._beat()


def _trim(connection: Connection) -> None:
    """Keep a few rows of long lists."""
    connection.execute(text(_TRIM), {"kept": KEPT_ROWS})


_TRIM = """
DELETE FROM code_rows WHERE key NOT IN (SELECT code FROM items WHERE code IS NOT NULL)
AND (SELECT COUNT(*) FROM code_rows AS r WHERE r.list = code_rows.list AND r.key < code_rows.key) >= :kept
"""


def _lines(connection: Connection) -> Iterator[bytes]:
    """A line for each row, `[table, {column: value}]`; bytes as `{"utf-8": text}`, what is null is left out."""
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if table.name != "alembic_version":
            for row in connection.execute(select(table).order_by(*table.primary_key)).mappings():
                values = {str(name): _plain(value) for name, value in row.items() if value is not None}
                yield orjson.dumps([str(table.name), values]) + b"\n"


def _plain(value: Any) -> Any:
    return {"utf-8": value.decode()} if isinstance(value, bytes) else value


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
