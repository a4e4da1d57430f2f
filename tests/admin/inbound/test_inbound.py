"""Queue service over HTTP: the envelope of each answer, and no access without a valid token."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.clinic_webhook import NotTaken
from engine.facilities.facilities import set_credentials
from engine.inbound import requests
from engine.inbound.requests import CallerRequest
from engine.inbound.retention import InboundRetention
from sandbox.bpjs.mobile_jkn import MobileJkn
from tests.conftest import Clock
from tests.engine.inbound.test_queue_numbers import DAY, SERVICE, opened
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

BASE = "/inbound/klinik"
CARD = "0001234567890"
V1 = {"nomorkartu": CARD, "nik": "3171010101010001", "kodepoli": "001", "tanggalperiksa": DAY, "keluhan": "batuk"}
V2 = V1 | {"kodedokter": 7, "jampraktek": "08:00-12:00", "norm": "000123", "nohp": "0812"}
PATIENT = {
    "nomorkartu": CARD,
    "nik": "3171010101010001",
    "nama": "Budi",
    "jeniskelamin": "L",
    "tanggallahir": "1990-01-01",
}
OK = {"message": "Ok", "code": 200}
NOTE = SERVICE.texts["note"]


@pytest.fixture
async def phone(nobody: httpx.AsyncClient, antar: SmallHub) -> MobileJkn:
    """Log in at a clinic that has one poli open."""
    antar.hub.catalog = replace(antar.hub.catalog, inbound={SERVICE.name: SERVICE})
    await secrets(antar, "rahasia")
    await opened(antar.hub.database, antar.facility)
    caller = MobileJkn(asking(nobody), "bpjs", "rahasia")
    await caller.log_in()
    return caller


def asking(client: httpx.AsyncClient) -> Any:
    async def ask(method: str, path: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
        answer = await client.request(method, BASE + path, headers=dict(headers), json=body)
        assert answer.status_code == 200
        return dict(answer.json())

    return ask


async def secrets(antar: SmallHub, password: str) -> None:
    credentials = {"username": "bpjs", "password": password}
    await set_credentials(antar.hub.database, antar.hub.vault, antar.facility.id, SERVICE.account, credentials)


async def test_a_number_is_taken_in_version_2(phone: MobileJkn) -> None:
    standing = {"namapoli": "Umum", "sisaantrean": 0, "antreanpanggil": "-", "keterangan": NOTE}
    ticket = {"nomorantrean": "001-1", "angkaantrean": 1, **standing}
    assert await phone.take(V2) == {"response": ticket, "metadata": OK}
    remaining = {"nomorantrean": "001-1", **standing}
    assert await phone.remaining(CARD, "001", DAY) == {"response": remaining, "metadata": OK}


async def test_a_number_is_taken_in_version_1_once_the_patient_is_registered(phone: MobileJkn) -> None:
    assert (await phone.take(V1))["metadata"]["code"] == 202
    assert (await phone.take(V1, PATIENT))["response"]["sisaantrean"] == "0"


async def test_the_status_is_a_list_of_shifts(phone: MobileJkn) -> None:
    await phone.take(V2)
    status = {"namapoli": "Umum", "totalantrean": "1", "sisaantrean": 1, "antreanpanggil": "-", "keterangan": NOTE}
    shift = {**status, "kodedokter": 7, "namadokter": "dr. Sari", "jampraktek": "08:00-12:00"}
    assert await phone.status("001", DAY) == {"response": [shift], "metadata": OK}


async def test_the_status_is_one_object_in_version_1(phone: MobileJkn, antar: SmallHub) -> None:
    antar.hub.catalog = replace(antar.hub.catalog, inbound={SERVICE.name: replace(SERVICE, version=1)})
    status = {"namapoli": "Umum", "totalantrean": "0", "sisaantrean": "0", "antreanpanggil": "-", "keterangan": NOTE}
    assert await phone.status("001", DAY) == {"response": status, "metadata": OK}


async def test_a_number_is_cancelled_once(phone: MobileJkn) -> None:
    await phone.take(V2)
    assert await phone.cancel(V2) == {"metadata": OK}
    assert (await phone.cancel(V2))["metadata"] == {"message": SERVICE.texts["absent"], "code": 201}


async def test_a_patient_is_registered(phone: MobileJkn) -> None:
    assert await phone.register(PATIENT) == {"metadata": OK}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"nomorkartu": "123"}, "card"),
        ({"nomorkartu": None}, "card"),
        ({"nomorkartu": 1234567890123}, "card"),
        ({"nik": ""}, "nik"),
        ({"tanggalperiksa": "10-03-2026"}, "date"),
        ({"tanggalperiksa": "2026-02-30"}, "date"),
        ({"tanggalperiksa": "2026-03-01"}, "past"),
        ({"kodepoli": "%"}, "poli"),
        ({"kodepoli": "999"}, "poli"),
        ({"jampraktek": "13:00-14:00"}, "closed"),
    ],
)
async def test_what_is_wrong_has_its_text(phone: MobileJkn, change: dict[str, Any], word: str) -> None:
    assert (await phone.take(V2 | change))["metadata"] == {"message": SERVICE.texts[word], "code": 201}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'"x"', b'{"nomorkartu": {"$ne": 1}}', b'{"keluhan": "\\u0000"}', b"\xff", b"[" * 9000],
)
async def test_hostile_bodies_are_refused_in_the_envelope(
    phone: MobileJkn, nobody: httpx.AsyncClient, body: bytes
) -> None:
    headers = {"x-token": phone.token, "x-username": "bpjs", "content-type": "application/json"}
    for method, path in (("POST", "/antrean"), ("PUT", "/antrean/batal"), ("POST", "/peserta")):
        answer = await nobody.request(method, BASE + path, headers=headers, content=body)
        assert (answer.status_code, answer.json()["metadata"]["code"]) == (200, 201)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 10_000])
async def test_a_wrong_token_opens_nothing(phone: MobileJkn, token: str) -> None:
    phone.token = token
    assert (await phone.take(V2))["metadata"] == {"message": "Token Invalid", "code": 201}


async def test_a_token_ends(phone: MobileJkn, clock: Clock) -> None:
    clock.pass_(SERVICE.token_minutes * 60)
    assert (await phone.take(V2))["metadata"]["message"] == "Token Invalid"


async def test_new_credentials_end_the_tokens_of_the_old(phone: MobileJkn, antar: SmallHub) -> None:
    await secrets(antar, "baru")
    assert (await phone.take(V2))["metadata"]["message"] == "Token Invalid"


async def test_whoever_guesses_the_password_has_to_wait(phone: MobileJkn, nobody: httpx.AsyncClient) -> None:
    wrong = {"x-username": "bpjs", "x-password": "salah"}
    answers = [await nobody.get(BASE + "/auth", headers=wrong) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


async def test_whoever_asks_too_fast_has_to_wait(phone: MobileJkn, antar: SmallHub, nobody: httpx.AsyncClient) -> None:
    antar.hub.catalog = replace(antar.hub.catalog, inbound={SERVICE.name: replace(SERVICE, per_minute=3)})
    headers = {"x-token": phone.token, "x-username": "bpjs"}
    answers = [await nobody.get(f"{BASE}/antrean/status/001/{DAY}", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_the_clinics_system_fetches_what_was_asked(phone: MobileJkn, his: httpx.AsyncClient) -> None:
    await phone.take(V2)
    [kept] = (await his.get("/api/v1/inbound")).json()["requests"]
    assert (kept["operation"], kept["content"]["norm"], kept["answer"]["metadata"]) == ("take", "000123", OK)
    assert (await his.post(f"/api/v1/inbound/{kept['id']}/taken")).status_code == 200
    assert (await his.post("/api/v1/inbound/999/taken")).status_code == 404


async def test_a_called_number_is_seen_on_the_phone(phone: MobileJkn, his: httpx.AsyncClient) -> None:
    await phone.take(V2)
    called = {"poli": "001", "date": DAY, "number": 1}
    assert (await his.post("/api/v1/inbound/called", json=called)).status_code == 200
    assert (await phone.remaining(CARD, "001", DAY))["response"]["antreanpanggil"] == "001-1"
    assert (await phone.cancel(V2))["metadata"]["message"] == SERVICE.texts["served"]


def answering(answer: Any, received: list[Any] | None = None) -> Any:
    """Return a stand-in for the clinic's system behind the network."""

    async def tell(his: Any, id_: str, content: Any, at: int, patience: float) -> Any:
        if received is not None:
            received.append(content)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return tell


@pytest.fixture
async def asking_his(phone: MobileJkn, antar: SmallHub) -> MobileJkn:
    """Configure the clinic so that its own system answers."""
    antar.hub.catalog = replace(antar.hub.catalog, inbound={SERVICE.name: replace(SERVICE, source="his")})
    credentials = {"username": "bpjs", "password": "rahasia", "webhook_url": "http://his/hook", "webhook_secret": "x"}
    await set_credentials(antar.hub.database, antar.hub.vault, antar.facility.id, SERVICE.account, credentials)
    return phone


GIVEN = {"response": {"nomorantrean": "A-1", "angkaantrean": 1}, "metadata": {"message": "Ok", "code": 200}}
FULL_UP = {"metadata": {"message": "Kuota habis", "code": 201}}


@pytest.mark.parametrize("answer", [GIVEN, FULL_UP])
async def test_the_clinics_system_may_answer_by_itself(
    asking_his: MobileJkn, antar: SmallHub, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    received: list[Any] = []
    monkeypatch.setattr("engine.inbound.his_answers.tell", answering(answer, received))
    assert await asking_his.take(V2) == answer
    assert (received[0]["operation"], received[0]["content"]["nomorkartu"]) == ("take", CARD)
    [kept] = await requests.after(antar.hub.database, antar.facility.id, 0, 9)
    assert (kept["answer"], kept["taken_at"] is not None) == (answer, True)


@pytest.mark.parametrize(
    "answer",
    [
        NotTaken("Tidak ada jawaban"),
        None,
        [],
        "<html>",
        {"metadata": {"code": 500, "message": "x"}},
        {"metadata": {"code": 200, "message": "Ok"}},
        {"metadata": {"code": 200, "message": "x" * 999}, "response": {"nomorantrean": "A", "angkaantrean": 1}},
        {"metadata": {"code": 200, "message": "Ok"}, "response": {"nomorantrean": "A"}, "more": 1},
    ],
)
async def test_what_the_clinics_system_does_not_answer_is_refused_and_kept(
    asking_his: MobileJkn, antar: SmallHub, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr("engine.inbound.his_answers.tell", answering(answer))
    assert await asking_his.take(V2) == {"metadata": {"message": SERVICE.texts["broken"], "code": 201}}
    [kept] = await requests.after(antar.hub.database, antar.facility.id, 0, 9)
    assert (kept["code"], kept["taken_at"]) == (201, None)


async def test_what_only_asks_is_passed_on_and_not_kept(
    asking_his: MobileJkn, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.inbound.his_answers.tell", answering({"response": [], "metadata": OK}))
    assert await asking_his.status("001", DAY) == {"response": [], "metadata": OK}
    assert (await asking_his.remaining(CARD, "001", DAY))["metadata"]["code"] == 201
    assert await requests.after(antar.hub.database, antar.facility.id, 0, 9) == []


async def test_a_patient_who_registers_twice_is_handed_on_once(phone: MobileJkn, antar: SmallHub) -> None:
    assert [await phone.register(PATIENT), await phone.register(PATIENT)] == [{"metadata": OK}] * 2
    await phone.register(PATIENT | {"nohp": "0813"})
    assert len(await requests.after(antar.hub.database, antar.facility.id, 0, 9)) == 2


async def kept(antar: SmallHub, operation: str, number: str | None = None) -> None:
    """Store a request with its answer, as a caller's request does."""
    catalog = antar.hub.catalog
    lists = {**catalog.code_lists, SERVICE.polis: catalog.code_lists["doctors"]}
    antar.hub.catalog = replace(catalog, inbound={SERVICE.name: SERVICE}, code_lists=lists)
    asked = CallerRequest(antar.facility, SERVICE, operation, CARD, {"nomorkartu": CARD, "kodepoli": "001"})
    reply = {"metadata": OK} | ({} if number is None else {"response": {"nomorantrean": number}})
    await requests.answer(antar.hub.database, asked, requests.accept, lambda _: reply)


async def test_the_panel_shows_what_was_asked_and_masks_the_card(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await kept(antar, "take", "001-1")
    await kept(antar, "cancel")
    page = (await person.get("/masuk/mobile_jkn")).text
    assert ("001-1" in page, CARD in page) == (True, False)
    only = (await person.get("/masuk/mobile_jkn", params={"operation": "cancel", "code": "200", "untaken": "yes"})).text
    assert ("001-1" in only, "Menunggu diambil" in only) == (False, True)
    assert "Tidak ada yang cocok" in (await person.get("/masuk/mobile_jkn", params={"day": "2001-01-01"})).text
    assert (await person.get("/masuk/nowhere")).status_code == 404


async def test_what_is_no_choice_is_none(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await kept(antar, "take", "001-1")
    strange = {"operation": "drop", "code": "999", "day": "9999-99-99", "before": "x"}
    assert "001-1" in (await person.get("/masuk/mobile_jkn", params=strange)).text


async def test_the_list_of_requests_goes_on_page_by_page(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.pages.inbound_requests.PAGE_SIZE", 2)
    for _ in range(3):
        await kept(antar, "patient")
    first = (await person.get("/masuk/mobile_jkn")).text
    [following] = re.findall(r'href="(\?[^"]*before=\d+)"', first)
    second = (await person.get(f"/masuk/mobile_jkn{html.unescape(following)}")).text
    rows = [page.count("Menunggu diambil") for page in (first, second)]
    assert (rows, "before=" in second) == ([2, 1], False)


async def test_what_was_removed_says_so_on_the_page_and_to_the_clinics_system(
    person: httpx.AsyncClient, his: httpx.AsyncClient, antar: SmallHub
) -> None:
    await kept(antar, "take", "001-1")
    await requests.mark_taken(antar.hub.database, antar.facility.id, 1)
    long_ago = text("UPDATE inbound_requests SET at = at - 8000000000")
    await antar.hub.database.write_models(lambda tx: tx.execute(long_ago))
    await InboundRetention(antar.hub.database, lambda: antar.hub.catalog).step(antar.clock.now)
    page = (await person.get("/masuk/mobile_jkn")).text
    assert ("001-1" in page, "Berhasil" in page, "dihapus menurut masa simpan" in page) == (False, True, True)
    [request] = (await his.get("/api/v1/inbound")).json()["requests"]
    assert (request["content"], request["pruned_at"]) == ({}, antar.clock())


async def test_a_request_opens_with_its_answer_and_its_way(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await kept(antar, "take", "001-1")
    page = (await person.get("/masuk/mobile_jkn")).text
    [address] = set(re.findall(r'href="(/masuk/mobile_jkn/\d+)"', page))
    part = (await person.get(address, headers={"HX-Request": "true"})).text
    assert ("<html" in part, CARD in part, "001-1" in part) == (False, False, True)
    assert ("nomorkartu" in part, "Menunggu diambil" in part) == (True, True)
    await requests.mark_taken(antar.hub.database, antar.facility.id, int(address.rpartition("/")[2]))
    assert "Diterima sistem klinik" in (await person.get(address)).text
    assert (await person.get("/masuk/mobile_jkn/999")).status_code == 404
