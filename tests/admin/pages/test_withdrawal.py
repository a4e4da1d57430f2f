"""*Tarik*: what depends on a record is told before it is withdrawn, and withdrawn along only if the person says so."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from admin.people.permissions import Permission
from tests import databases
from tests.admin.pages.test_delivery_page import OWN, allow, audit, do, page_of
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub
from tests.engine.withdrawable import WITHDRAWABLE

pytestmark = pytest.mark.anyio

NIK = "3171010101010001"


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, WITHDRAWABLE)
    yield opened
    await opened.hub.close()


async def sent_visit(antar: SmallHub, *findings: str) -> str:
    """Return the address of a visit that was sent with its findings."""
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    for key in findings:
        await antar.hand_in("Finding", {"id": key, "visit": "V1", "person": "P1"})
    await antar.work()
    return f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}"


def seen_in(page: str) -> str:
    [value] = re.findall(r'name="seen" value="(\w+)"', page)
    return str(value)


async def test_the_page_tells_number_and_names_of_what_depends_on_it(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await sent_visit(antar, "F1", "F2")
    page = " ".join((await page_of(person, f"{address}/tarik")).split())
    assert "2 Temuan F1, F2" in page
    assert "Tarik juga semua yang bergantung padanya" in page


async def test_only_the_record_is_withdrawn_unless_the_person_says_so(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await sent_visit(antar, "F1")
    assert await do(person, f"{address}/tarik", reason="salah pasien") == "withdrawn"
    await antar.work()
    assert [put["kind"] for put in antar.ministry.puts] == ["Visit"]
    assert ("sari", "withdraw", "salah pasien") in await audit(antar)


async def test_what_depends_on_it_is_withdrawn_along(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await sent_visit(antar, "F1", "F2")
    seen = seen_in((await person.get(f"{address}/tarik")).text)
    assert await do(person, f"{address}/tarik", reason="salah pasien", along="yes", seen=seen) == "withdrawn_along"
    await antar.work()
    antar.clock.pass_(4)
    await antar.work()
    assert sorted(put["kind"] for put in antar.ministry.puts) == ["Finding", "Finding", "Visit"]


async def test_what_came_in_after_the_page_is_not_withdrawn_unseen(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await sent_visit(antar, "F1")
    seen = seen_in((await person.get(f"{address}/tarik")).text)
    await antar.hand_in("Finding", {"id": "F2", "visit": "V1", "person": "P1"})
    await antar.work()
    answer = await person.post(f"{address}/tarik", data={"reason": "x", "along": "yes", "seen": seen}, headers=OWN)
    assert answer.status_code == 200
    assert "berubah sementara itu" in answer.text
    assert antar.ministry.puts == []


async def test_without_a_reason_nothing_is_withdrawn(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await sent_visit(antar)
    answer = await person.post(f"{address}/tarik", data={"reason": " "}, headers=OWN)
    assert "Alasan wajib diisi" in answer.text
    assert (await antar.row("Visit", "V1")).withdrawn_at is None


async def test_the_panel_says_that_it_is_withdrawn_and_by_whom(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await sent_visit(antar)
    await do(person, f"{address}/tarik", reason="salah pasien")
    pending = await page_of(person, address)
    await antar.work()
    page, listed = await page_of(person, address), await page_of(person, "/integrasi/ministry/Visit")
    assert "Penarikan" in pending
    assert "Terkirim Ditarik" in " ".join(page.split())
    assert "Terkirim Ditarik" in " ".join(listed.split())
    assert "sari menarik data ini" in page
    assert "Data asal berubah" not in page
    assert "salah pasien" in page


async def test_a_withdrawal_is_undone_with_a_reason(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await sent_visit(antar)
    await do(person, f"{address}/tarik", reason="salah pasien")
    assert await do(person, f"{address}/tarik", reason="lagi") == "not_withdrawn"
    assert await do(person, f"{address}/tarik/batal", reason="ternyata benar") == "reinstated"
    assert await do(person, f"{address}/tarik/batal", reason="ternyata benar") == "not_reinstated"
    await antar.work()
    assert (await antar.row("Visit", "V1")).withdrawn_at is None


async def test_who_may_not_edit_may_not_withdraw(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await sent_visit(antar)
    await allow(antar, Permission.RESEND)
    assert (await person.get(f"{address}/tarik")).status_code == 403
    assert (await person.post(f"{address}/tarik", data={"reason": "x"}, headers=OWN)).status_code == 403
    assert "Tarik…: Peran Anda tidak mengizinkan" in html.unescape(await page_of(person, address))


async def test_what_waits_is_told_as_set_aside(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1", "person": "P1"})
    await antar.work()
    address = f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}"
    page = " ".join((await page_of(person, f"{address}/tarik")).split())
    assert "Belum terkirim dan merujuk padanya; disisihkan sampai data ini diserahkan lagi:1 Temuan F1" in page


async def test_the_his_withdraws_by_the_api(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await sent_visit(antar, "F1")
    visit, finding = await antar.row("Visit", "V1"), await antar.row("Finding", "F1")
    url = f"/api/v1/deliveries/{visit.id}/withdraw"
    answer = await his.post(url, json={"reason": "salah pasien", "dependents": True})
    assert (answer.status_code, answer.json()) == (202, {"id": visit.id, "outcome": "done", "dependents": [finding.id]})
    assert (await his.post(url, json={"reason": "lagi"})).json()["outcome"] == "already"
    person = await antar.row("Person", "P1")
    refused = await his.post(f"/api/v1/deliveries/{person.id}/withdraw", json={"reason": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_withdrawable")
    assert (await his.post(url, json={})).status_code == 400


async def test_what_refers_to_a_record_without_a_patient_is_told_and_stays(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1", "person": "P1"})
    await antar.work()
    address = f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}"
    page = " ".join((await page_of(person, f"{address}/tarik")).split())
    assert "Yang merujuk padanya" in page
    assert "1 Temuan F1" in page
    assert "Tarik juga semua" not in page
    seen = seen_in((await person.get(f"{address}/tarik")).text)
    assert await do(person, f"{address}/tarik", reason="salah", along="yes", seen=seen) == "withdrawn"
    assert (await antar.row("Finding", "F1")).withdrawn_at is None


async def test_what_was_never_sent_is_told_in_our_own_words_and_not_sent_again(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    address = f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}"
    assert await do(person, f"{address}/tarik", reason="salah") == "withdrawn"
    await antar.work()
    page = html.unescape(await page_of(person, address))
    assert "Ditarik sebelum terkirim; tidak ada yang dikirim." in page
    assert "Jawaban Kementerian" not in page
    assert "Kirim Ulang: Ditarik sebelum terkirim, jadi tidak dikirim." in page
