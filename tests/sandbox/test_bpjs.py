"""PCare and Antrean FKTP of the sandbox, called through Antar's own adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from adapters.base import Account, Call, Profile, Reply
from adapters.bpjs.upstream import Bpjs
from adapters.wire.contract import Wire
from adapters.wire.open import open_wire
from sandbox.bpjs.clinics import DEMO_CLINIC
from sandbox.world import World

pytestmark = pytest.mark.anyio

CARD, TODAY, TODAY_ISO = "0009990000001", "10-03-2026", "2026-03-10"
REGISTRATION = {
    "kdProviderPeserta": DEMO_CLINIC.provider,
    "tglDaftar": TODAY,
    "noKartu": CARD,
    "kdPoli": "001",
    "keluhan": "batuk",
    "kunjSakit": True,
    "sistole": 120,
    "diastole": 80,
    "beratBadan": 60,
    "tinggiBadan": 165,
    "respRate": 20,
    "lingkarPerut": 80,
    "heartRate": 84,
    "rujukBalik": 0,
    "kdTkp": "10",
}
VISIT = {
    **{name: REGISTRATION[name] for name in ("noKartu", "tglDaftar", "kdPoli", "keluhan", "sistole", "diastole")},
    **{name: REGISTRATION[name] for name in ("beratBadan", "tinggiBadan", "respRate", "lingkarPerut", "heartRate")},
    "noKunjungan": None,
    "kdSadar": "01",
    "kdStatusPulang": "3",
    "tglPulang": TODAY,
    "kdDokter": "900001",
    "kdDiag1": "J00",
    "kdTacc": -1,
    "alasanTacc": None,
    "anamnesa": "batuk pilek",
    "alergiMakan": "00",
    "alergiUdara": "00",
    "alergiObat": "00",
    "kdPrognosa": "02",
    "terapiObat": "parasetamol",
    "terapiNonObat": "istirahat",
    "bmhp": "-",
    "suhu": "36,8",
}
ENTRY = {
    "nomorkartu": CARD,
    "nik": "9271060312000001",
    "nohp": "081200000000",
    "kodepoli": "001",
    "namapoli": "POLI UMUM",
    "norm": "000123",
    "tanggalperiksa": TODAY_ISO,
    "kodedokter": 900001,
    "namadokter": "dr. Contoh",
    "jampraktek": "08:00-12:00",
    "nomorantrean": "A-12",
    "angkaantrean": 12,
    "keterangan": "",
}
CANCEL = {"tanggalperiksa": TODAY_ISO, "kodepoli": "001", "nomorkartu": CARD, "alasan": "pulang"}
PRESENT = {"tanggalperiksa": TODAY_ISO, "kodepoli": "001", "nomorkartu": CARD, "status": 1, "waktu": 1767577500000}


class Clinic:
    """Antar's adapter, logged in to both services."""

    def __init__(self, url: str, wire: Wire, **credentials: str) -> None:
        self._url, self._wire = url, wire
        login = {"username": DEMO_CLINIC.username, "password": DEMO_CLINIC.password}
        self._credentials = {"cons_id": DEMO_CLINIC.cons_id, "secret_key": DEMO_CLINIC.secret, **login, **credentials}

    async def pcare(self, method: str, path: str, content: Any = None, media: str = "text/plain") -> Reply:
        return await self._send("/pcare-rest", "095", DEMO_CLINIC.pcare_key, method, path, content, media)

    async def antrean(self, method: str, path: str, content: Any = None) -> Reply:
        return await self._send("/antreanfktp", "", DEMO_CLINIC.antrean_key, method, path, content, "application/json")

    async def _send(
        self, base: str, application: str, key: str, method: str, path: str, content: Any, media: str
    ) -> Reply:
        upstream = Bpjs(Profile("bpjs", base_path=base, settings={"application": application}), self._wire)
        body = None if content is None else orjson.dumps(content)
        account = Account(1, self._url, {"user_key": key, **self._credentials})
        return await upstream.send(Call(method, path, body=body, content_type=media), account)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def clinic(url: str) -> AsyncIterator[Clinic]:
    wire = open_wire()
    yield Clinic(url, wire)
    await wire.close()


def code_and_content(reply: Reply) -> tuple[Any, Any]:
    """Return (code, response) of either envelope."""
    envelope = reply.content.get("metaData") or reply.content.get("metadata")
    return envelope["code"], reply.content.get("response")


async def test_a_registration_and_its_visit_get_their_numbers(clinic: Clinic, world: World) -> None:
    assert code_and_content(await clinic.pcare("POST", "/pendaftaran", REGISTRATION)) == (
        201,
        {"field": "noUrut", "message": "A1"},
    )
    visit = await clinic.pcare("POST", "/kunjungan/v1", VISIT)
    assert code_and_content(visit) == (201, [{"field": "noKunjungan", "message": "100099010326Y000001"}])
    assert (visit.status, world.witness.duplicates()) == (201, {})


async def test_a_registration_is_found_by_its_day_and_served_by_its_visit(clinic: Clinic) -> None:
    await clinic.pcare("POST", "/pendaftaran", REGISTRATION)
    await clinic.pcare("POST", "/kunjungan/v1", VISIT)
    code, day = code_and_content(await clinic.pcare("GET", f"/pendaftaran/tglDaftar/{TODAY}/0/15"))
    row = day["list"][0]
    assert (code, day["count"], row["noUrut"], row["status"]) == (200, 1, "A1", "Sudah dilayani")
    assert (row["peserta"]["noKartu"], row["poli"]["kdPoli"], row["tgldaftar"]) == (CARD, "001", TODAY)


async def test_a_second_registration_is_refused_and_counted(clinic: Clinic, world: World) -> None:
    await clinic.pcare("POST", "/pendaftaran", REGISTRATION)
    again = await clinic.pcare("POST", "/pendaftaran", REGISTRATION)
    assert (again.status, again.content["metaData"]["message"]) == (
        401,
        "Peserta sudah di-entri di poli yang sama pada hari yang sama.",
    )
    assert world.witness.refused_duplicates["pendaftaran"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kdPoli": "999"}, "kdPoli"),
        ({"kdProviderPeserta": "10009999"}, "kdProviderPeserta"),
        ({"tglDaftar": "2026-03-10"}, "tglDaftar"),
        ({"kunjSakit": False}, "kdPoli"),
        ({"sistole": "120"}, "sistole"),
        ({"noKartu": "0000000000000"}, "noKartu"),
    ],
)
async def test_a_wrong_registration_names_its_field(clinic: Clinic, change: dict[str, Any], field: str) -> None:
    code, faults = code_and_content(await clinic.pcare("POST", "/pendaftaran", {**REGISTRATION, **change}))
    assert (code, faults[0]["field"]) == (412, field)


async def test_who_was_not_screened_is_turned_away_until_they_are(clinic: Clinic, world: World) -> None:
    world.bpjs._members[DEMO_CLINIC.cons_id].change(CARD, screened=False)
    assert code_and_content(await clinic.pcare("POST", "/pendaftaran", REGISTRATION))[0] == 401
    world.bpjs._members[DEMO_CLINIC.cons_id].change(CARD, screened=True)
    assert code_and_content(await clinic.pcare("POST", "/pendaftaran", REGISTRATION))[0] == 201


async def test_a_visit_without_registration_is_refused_twice_in_one_answer(clinic: Clinic) -> None:
    code, faults = code_and_content(await clinic.pcare("POST", "/kunjungan/v1", VISIT))
    assert (code, [fault["message"] for fault in faults]) == (
        412,
        ["Belum melakukan pendaftaran pada poli tersebut.", "noKartu, belum melakukan pendaftaran pada poli tersebut."],
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rujukLanjut": ""}, 500),
        ({"kdStatusPulang": "4"}, 500),
        ({"kdDiag1": "XYZ"}, 412),
        ({"tinggiBadan": 0}, 412),
        ({"tglPulang": "09-03-2026"}, 412),
        ({"keluhan": ""}, 412),
        ({"kdTacc": 2}, 412),
    ],
)
async def test_a_wrong_visit_is_refused(clinic: Clinic, change: dict[str, Any], code: int) -> None:
    await clinic.pcare("POST", "/pendaftaran", REGISTRATION)
    assert code_and_content(await clinic.pcare("POST", "/kunjungan/v1", {**VISIT, **change}))[0] == code


async def test_a_visit_is_changed_removed_and_makes_room_for_the_removal_of_its_registration(clinic: Clinic) -> None:
    await clinic.pcare("POST", "/pendaftaran", REGISTRATION)
    number = code_and_content(await clinic.pcare("POST", "/kunjungan/v1", VISIT))[1][0]["message"]
    removal = f"/pendaftaran/peserta/{CARD}/tglDaftar/{TODAY}/noUrut/A1/kdPoli/001"
    assert (await clinic.pcare("PUT", "/kunjungan/v1", {**VISIT, "noKunjungan": number})).status == 200
    assert (await clinic.pcare("DELETE", removal)).status == 412
    assert (await clinic.pcare("DELETE", f"/kunjungan/{number}")).status == 200
    assert [(await clinic.pcare("DELETE", removal)).status for _ in range(2)] == [200, 304]
    assert (await clinic.pcare("GET", f"/kunjungan/peserta/{CARD}")).status == 204


async def test_a_queue_entry_is_added_once_called_and_cancelled(clinic: Clinic) -> None:
    sent = [
        ("add", ENTRY),
        ("add", ENTRY),
        ("panggil", PRESENT),
        ("batal", CANCEL),
        ("batal", CANCEL),
        ("panggil", PRESENT),
    ]
    codes = [code_and_content(await clinic.antrean("POST", f"/antrean/{what}", content))[0] for what, content in sent]
    assert codes == [200, 201, 200, 200, 201, 201]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nomorkartu": "-"}, "nomor kartu tidak valid"),
        ({"nik": "1"}, "NIK tidak valid"),
        ({"nomorkartu": "1234567890123"}, "nomor kartu tidak terdaftar"),
        ({"jampraktek": "01:00-02:00"}, "Jadwal dokter tidak ditemukan"),
        ({"tanggalperiksa": "2026-03-08"}, "Jadwal dokter tidak ditemukan"),
        ({"norm": None}, "missing data"),
    ],
)
async def test_a_wrong_queue_entry_is_refused_in_their_words(
    clinic: Clinic, change: dict[str, Any], message: str
) -> None:
    reply = await clinic.antrean("POST", "/antrean/add", {**ENTRY, **change})
    assert (reply.status, reply.content["metadata"]["code"]) == (200, 201)
    assert reply.content["metadata"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/kesadaran", 4),
        ("/poli/fktp/0/100", 7),
        ("/dokter/0/100", 4),
        ("/provider/0/100", 47),
        ("/tindakan/kdTkp/10/0/500", 212),
        ("/spesialis", 30),
        ("/statuspulang/rawatInap/false", 3),
        ("/diagnosa/A0/0/16000", 50),
    ],
)
async def test_a_reference_list_has_its_count(clinic: Clinic, path: str, count: int) -> None:
    _, listed = code_and_content(await clinic.pcare("GET", path))
    assert (listed["count"], len(listed["list"])) == (count, count)


async def test_a_long_list_comes_page_by_page(clinic: Clinic) -> None:
    _, listed = code_and_content(await clinic.pcare("GET", "/obat/dpho/0/1500/100"))
    assert listed["count"] > 1500
    assert len(listed["list"]) == min(100, listed["count"] - 1500)


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ({"cons_id": "1"}, 401),
        ({"secret_key": "wrong"}, 401),
        ({"user_key": "wrong"}, 401),
        ({"password": "wrong"}, 401),
    ],
)
async def test_a_stranger_learns_nothing(url: str, credentials: dict[str, str], status: int) -> None:
    wire = open_wire()
    assert (await Clinic(url, wire, **credentials).pcare("GET", "/kesadaran")).status == status
    await wire.close()


async def test_a_clock_that_is_off_is_refused(clinic: Clinic, world: World) -> None:
    world.clock.advance(301)
    assert (await clinic.antrean("GET", f"/ref/poli/tanggal/{TODAY_ISO}")).content["metadata"][
        "message"
    ] == "Service Expired"


async def test_a_closed_day_has_no_schedule(clinic: Clinic) -> None:
    assert code_and_content(await clinic.antrean("GET", "/ref/poli/tanggal/2026-03-08"))[0] == 201
    _, open_day = code_and_content(await clinic.antrean("GET", f"/ref/dokter/kodepoli/001/tanggal/{TODAY_ISO}"))
    assert [row["kapasitas"] for row in open_day["list"]] == [40, 40]


@pytest.mark.parametrize(
    ("switch", "value", "response"),
    [("plain", True, {"field": "noUrut", "message": "A1"}), ("wrong_key", True, str)],
)
async def test_the_switches_change_how_it_is_wrapped(
    clinic: Clinic, world: World, switch: str, value: object, response: Any
) -> None:
    setattr(world.bpjs.settings, switch, value)
    _, answered = code_and_content(await clinic.pcare("POST", "/pendaftaran", REGISTRATION))
    assert isinstance(answered, str) if response is str else answered == response


async def test_an_ungranted_path_says_so(clinic: Clinic, world: World) -> None:
    world.bpjs.settings.visit_path = "v1"
    reply = await clinic.pcare("POST", "/kunjungan", VISIT)
    assert (reply.status, reply.content["metaData"]["message"]) == (
        404,
        "Unauthorized! You are not registered for this service!",
    )


async def test_a_path_that_does_not_exist_is_answered_by_the_gateway(clinic: Clinic) -> None:
    reply = await clinic.pcare("GET", "/dokter")
    assert (reply.status, reply.media) == (400, "text/html")
