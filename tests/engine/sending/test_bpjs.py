"""Types of BPJS with the sandbox: order, numbers, lost answers; nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from admin.commands.demo import demo_credentials
from admin.text.words import sentence
from engine.actors import make_broker
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.outbox.resend import resend
from engine.settings import ROOT, Settings
from sandbox.world import World
from tests.config.shipped import catalog as shipped
from tests.engine.sending.worked_clinic import WorkedClinic, hurried

pytestmark = pytest.mark.anyio

CARD, DAY = "0009990000001", "2026-03-10"
WHO = {"norm": "RM-1", "card": CARD, "date": DAY, "poli_code": "001"}
VITALS = {
    "systolic": 120,
    "diastolic": 80,
    "weight": 60,
    "height": 165,
    "respiratory_rate": 20,
    "waist": 80,
    "heart_rate": 84,
}
QUEUE = {
    **WHO,
    "id": "AN-1",
    "nik": "9271060312000001",
    "phone": "0812",
    "poli_name": "POLI UMUM",
    "doctor_code": 900001,
    "doctor_name": "dr. Rangga Uji",
    "hours": "08:00-12:00",
    "number": "A-1",
    "position": 1,
}
CALL = {**WHO, "id": "PG-1", "queue_id": "AN-1", "present": True, "called_at": f"{DAY}T08:45"}
REGISTRATION = {
    **WHO,
    "id": "PD-1",
    "queue_id": "AN-1",
    "home_provider": "10009901",
    "sick": True,
    "care": "10",
    "vitals": VITALS,
}
VISIT = {
    **WHO,
    "id": "KJ-1",
    "registration_id": "PD-1",
    "provider": "10009901",
    "complaint": "batuk",
    "consciousness": "01",
    "vitals": VITALS,
    "temperature": 36.8,
    "discharge": "3",
    "left_on": DAY,
    "doctor_code": "900001",
    "diagnoses": ["J00"],
    "history": "batuk",
    "allergies": {"food": "00", "air": "00", "drug": "00"},
    "prognosis": "02",
    "drugs": "-",
    "therapy": "-",
    "supplies": "-",
}
PCARE, ANTREAN = ("/pendaftaran$", "/kunjungan/v1$"), ("/antrean/add$", "/antrean/panggil$")
CHAIN = {"TambahKunjungan": VISIT, "TambahPendaftaran": REGISTRATION, "PanggilAntrean": CALL, "TambahAntrean": QUEUE}
"""Handed in the wrong way round."""


class BpjsClinic(WorkedClinic):
    """A clinic with a worker and the sandbox."""

    async def hand_in(self, **records: dict[str, Any]) -> None:
        for spec, record in records.items():
            await self.hub.intake.hand_in(self.facility, spec, [record])

    async def row(self, spec: str) -> Any:
        query = text("SELECT id, status, reference, problem FROM deliveries WHERE spec = :spec")
        [delivery] = await self.hub.database.fetch(query, {"spec": spec})
        return delivery

    async def statuses(self) -> dict[str, str]:
        return {
            row.spec: row.status for row in await self.hub.database.fetch(text("SELECT spec, status FROM deliveries"))
        }


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def clinic(tmp_path: Path, url: str) -> AsyncIterator[BpjsClinic]:
    addresses = {"pcare": f"{url}/pcare-rest", "antrean": f"{url}/antreanfktp"}
    settings = Settings("demo", f"sqlite:///{tmp_path}/x.sqlite3", secret_keys=(new_key(),), addresses=addresses)
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), catalog=shipped())
    hub.catalog = hurried(hub.catalog)
    facility = await add_facility(hub.database, "klinik", "Klinik")
    for upstream, secrets in demo_credentials(ROOT / "config").items():
        await set_credentials(hub.database, hub.vault, facility.id, upstream, secrets)
    yield BpjsClinic(hub, facility)
    await hub.close()


async def test_a_day_that_is_handed_in_backwards_goes_out_in_order(clinic: BpjsClinic, world: World) -> None:
    await clinic.hand_in(**CHAIN)
    await clinic.work()
    order = [line["label"] for line in world.witness.log if line["method"] == "POST"]
    assert order.index("antrean/add") < order.index("antrean/panggil")
    assert order.index("antrean/add") < order.index("pendaftaran") < order.index("kunjungan")
    assert await clinic.statuses() == dict.fromkeys(CHAIN, "sent")
    assert ((await clinic.row("TambahPendaftaran")).reference, (await clinic.row("TambahKunjungan")).reference) == (
        "A1",
        "100099010326Y000001",
    )


@pytest.mark.parametrize(
    ("path", "preset"),
    [
        *product(
            ("/pendaftaran$", "/kunjungan/v1$"), ("timeout-after-commit", "html-502", "empty-201", "malformed-json")
        ),
        *product(("/antrean/add$", "/antrean/panggil$"), ("reset-after-commit", "empty-201")),
    ],
)
async def test_a_lost_answer_loses_and_doubles_nothing(
    clinic: BpjsClinic, world: World, path: str, preset: str
) -> None:
    world.faults.add(preset, method="POST", path=path, times=1)
    await clinic.hand_in(**CHAIN)
    await clinic.work()
    assert await clinic.statuses() == dict.fromkeys(CHAIN, "sent")
    assert world.witness.duplicates() == {}
    assert (await clinic.row("TambahKunjungan")).reference == "100099010326Y000001"


async def test_a_number_under_another_key_is_looked_up(
    clinic: BpjsClinic, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sending.outcomes.LOOK_AFTER_MS", 50)
    world.bpjs.settings.wrong_key = True
    await clinic.hand_in(TambahAntrean=QUEUE, TambahPendaftaran=REGISTRATION)
    await clinic.work()
    assert (await clinic.row("TambahPendaftaran")).status in {"unsure", "failed"}
    world.bpjs.settings.wrong_key = False
    await resend(clinic.hub.database, clinic.facility.id, [(await clinic.row("TambahPendaftaran")).id], "sari")
    await clinic.work()
    assert ((await clinic.row("TambahPendaftaran")).reference, world.witness.duplicates()) == ("A1", {})


async def test_what_the_front_desk_keyed_in_is_adopted(clinic: BpjsClinic, world: World) -> None:
    await clinic.hand_in(TambahAntrean=QUEUE, TambahPendaftaran=REGISTRATION)
    await clinic.work()
    await clinic.hand_in(TambahPendaftaran={**REGISTRATION, "id": "PD-2"})
    await clinic.work()
    rows = await clinic.hub.database.fetch(text("SELECT reference FROM deliveries WHERE spec = 'TambahPendaftaran'"))
    assert [row.reference for row in rows] == ["A1", "A1"]
    assert world.witness.duplicates() == {}


async def test_a_refused_entry_holds_back_its_own_chain_only(clinic: BpjsClinic, world: World) -> None:
    await clinic.hand_in(**{**CHAIN, "TambahAntrean": {**QUEUE, "hours": "01:00-02:00"}})
    await clinic.work()
    assert await clinic.statuses() == {
        "TambahAntrean": "failed",
        "PanggilAntrean": "blocked",
        "TambahPendaftaran": "blocked",
        "TambahKunjungan": "blocked",
    }
    await clinic.hand_in(TambahAntrean=QUEUE)
    await clinic.work()
    assert await clinic.statuses() == dict.fromkeys(CHAIN, "sent")


async def test_a_whole_visit_is_taken_back_in_order(clinic: BpjsClinic, world: World) -> None:
    await clinic.hand_in(**CHAIN)
    await clinic.work()  # else what is taken back before it left is only cancelled here
    await clinic.hand_in(HapusKunjungan={"id": "HK-1", "visit_id": "KJ-1", "norm": "RM-1", "card": CARD, "date": DAY})
    await clinic.hand_in(HapusPendaftaran={**WHO, "id": "HP-1", "registration_id": "PD-1"})
    await clinic.hand_in(BatalAntrean={**WHO, "id": "BT-1", "queue_id": "AN-1", "reason": "pulang"})
    await clinic.work()
    deletions = [line["label"] for line in world.witness.log if line["method"] == "DELETE"]
    assert deletions == ["kunjungan", "pendaftaran"]
    statuses = await clinic.statuses()
    assert {statuses[spec] for spec in ("HapusKunjungan", "HapusPendaftaran", "BatalAntrean")} == {"sent"}
    assert {statuses[spec] for spec in ("TambahKunjungan", "TambahPendaftaran", "TambahAntrean")} == {"ignored"}


GIVEN_BACK = {**WHO, "id": "BT-1", "queue_id": "AN-1", "reason": "pulang"}


async def test_a_number_that_was_given_back_though_the_answer_was_lost_is_done(
    clinic: BpjsClinic, world: World
) -> None:
    await clinic.hand_in(TambahAntrean=QUEUE)
    await clinic.work()
    world.faults.add("reset-after-commit", method="POST", path="/antrean/batal", times=1)
    await clinic.hand_in(BatalAntrean=GIVEN_BACK)
    await clinic.work()
    assert await clinic.statuses() == {"TambahAntrean": "ignored", "BatalAntrean": "sent"}


async def test_the_first_answer_that_there_is_no_number_is_a_refusal(clinic: BpjsClinic) -> None:
    await clinic.hand_in(BatalAntrean={**GIVEN_BACK, "queue_id": ""})
    await clinic.work()
    row = await clinic.row("BatalAntrean")
    assert (row.status, row.problem) == ("failed", "Antrean tidak ditemukan")


async def test_a_visit_that_is_there_already_is_adopted_though_it_is_refused_for_its_codes(
    clinic: BpjsClinic, world: World
) -> None:
    await clinic.hand_in(**CHAIN)
    await clinic.work()
    await clinic.hand_in(TambahKunjungan={**VISIT, "id": "KJ-2"})
    await clinic.work()
    rows = await clinic.hub.database.fetch(
        text("SELECT status, reference FROM deliveries WHERE spec = 'TambahKunjungan' ORDER BY id")
    )
    assert [tuple(row) for row in rows] == [("sent", "100099010326Y000001")] * 2
    assert world.witness.duplicates() == {}


async def test_a_visit_that_is_refused_for_its_codes_and_not_there_is_refused_in_their_words(
    clinic: BpjsClinic, world: World
) -> None:
    await clinic.hand_in(**{**CHAIN, "TambahKunjungan": {**VISIT, "doctor_code": "999999"}})
    await clinic.work()
    row = await clinic.row("TambahKunjungan")
    assert (row.status, row.problem) == ("failed", "kdDokter: Tidak sesuai dengan referensi sistem.")


async def test_a_registration_beyond_the_first_page_is_found(clinic: BpjsClinic, world: World) -> None:
    world.bpjs.settings.rows_at_most = 2
    cards = [f"000999000000{n}" for n in range(1, 6)]
    for n, card in enumerate(cards):
        await clinic.hand_in(TambahPendaftaran={**REGISTRATION, "id": f"PD-{n}", "queue_id": "", "card": card})
    await clinic.work()
    world.faults.add("timeout-after-commit", method="POST", path="/pendaftaran$", times=1)
    world.bpjs.settings.refuse_duplicates = False
    await clinic.hand_in(TambahPendaftaran={**REGISTRATION, "id": "PD-9", "queue_id": "", "card": "0009990000006"})
    await clinic.work()
    rows = await clinic.hub.database.fetch(text("SELECT reference FROM deliveries WHERE key = 'PD-9'"))
    assert ([row.reference for row in rows], world.witness.duplicates()) == (["A6"], {})


async def test_a_row_of_nulls_hides_no_visit(clinic: BpjsClinic, world: World) -> None:
    world.bpjs.settings.null_rows = True
    world.faults.add("timeout-after-commit", method="POST", path="/kunjungan/v1$", times=1)
    await clinic.hand_in(**CHAIN)
    await clinic.work()
    assert (await clinic.row("TambahKunjungan")).reference == "100099010326Y000001"


async def test_a_history_that_is_cut_is_not_taken_for_an_empty_one(clinic: BpjsClinic, world: World) -> None:
    await clinic.hand_in(**CHAIN)
    await clinic.work()
    world.bpjs.settings.rows_at_most = 1
    world.faults.add("timeout-before-commit", method="POST", path="/kunjungan/v1$", times=1)
    later = {"date": "2026-03-11", "queue_id": ""}
    world.bpjs.settings.null_rows = True
    await clinic.hand_in(TambahPendaftaran={**REGISTRATION, **later, "id": "PD-2"})
    visit = {**VISIT, **later, "left_on": "2026-03-11", "id": "KJ-2", "registration_id": "PD-2"}
    await clinic.hand_in(TambahKunjungan={name: value for name, value in visit.items() if name != "queue_id"})
    await clinic.work()
    rows = await clinic.hub.database.fetch(text("SELECT status, problem FROM deliveries WHERE key = 'KJ-2'"))
    assert (rows[0].status, "hanya memperoleh 1 dari 2 baris" in sentence(rows[0].problem)) == ("unsure", True)


async def test_what_real_clients_send_as_null_is_there(clinic: BpjsClinic, world: World) -> None:
    world.bpjs.settings.strict_keys = True
    unknown = {name: value for name, value in VISIT.items() if name not in ("allergies", "prognosis")}
    await clinic.hand_in(**{**CHAIN, "TambahKunjungan": unknown})
    await clinic.work()
    await clinic.hand_in(TambahKunjungan={**unknown, "complaint": "batuk berdahak"})
    await clinic.work()
    assert await clinic.statuses() == dict.fromkeys(CHAIN, "sent")


async def test_one_patient_without_a_card_holds_up_no_other(clinic: BpjsClinic, world: World) -> None:
    unknown = {name: value for name, value in QUEUE.items() if name != "card"}
    first = {**unknown, "id": "AN-1", "nik": "9271060312000001"}
    second = {**unknown, "id": "AN-2", "nik": "9271060312000002", "card": "", "number": "A-2", "position": 2}
    await clinic.hand_in(TambahAntrean=first)
    await clinic.hand_in(TambahAntrean=second)
    await clinic.work()
    rows = await clinic.hub.database.fetch(text("SELECT status, sequence FROM deliveries ORDER BY id"))
    assert [tuple(row) for row in rows] == [("sent", f"9271060312000001/{DAY}"), ("sent", f"9271060312000002/{DAY}")]
