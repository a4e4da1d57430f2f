"""*Log audit*: words, filters, links, masked identifiers, and the export."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from admin.people import users
from engine.database.audit import note_now
from engine.facilities.facilities import add_facility
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.http.test_rights import allow, deliver
from tests.admin.settings.test_settings import audit, manager, save  # noqa: F401 - a fixture
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

LIST = "/admin/audit/list"
NIK = "3171010101010001"


async def log(antar: SmallHub, action: str = "resend", actor: str = "budi", **more: Any) -> None:
    await note_now(antar.hub.database, actor, action, facility_id=antar.facility.id, **more)


async def rows(client: httpx.AsyncClient, **query: str) -> str:
    page = (await client.get(LIST, params=query)).text
    return page.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in page else ""


async def test_a_delivery_is_linked_with_its_type_and_patient(manager: httpx.AsyncClient, antar: SmallHub) -> None:  # noqa: F811
    await antar.hand_in("Person", {"id": "RM-0012", "nik": NIK})
    [taken] = await antar.hub.intake.hand_in(antar.facility, "Visit", [{"id": "V1", "at": AT, "person": "RM-0012"}])
    await log(antar, delivery_id=taken.id, reason=f"NIK {NIK} salah")  # type: ignore[union-attr]
    page = await rows(manager)
    assert f'href="/integrasi/ministry/Visit/{taken.id}"' in page  # type: ignore[union-attr]
    assert ("RM-0012" in page, NIK in page, "••••0001" in page) == (True, False, True)
    assert "V1" in page or "RM-0012" in await rows(manager, text="RM-0012")


async def test_whoever_may_not_see_patients_gets_neither_name_nor_link(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Person", {"id": "RM-0012", "nik": NIK})
    [taken] = await antar.hub.intake.hand_in(antar.facility, "Visit", [{"id": "V1", "at": AT, "person": "RM-0012"}])
    await log(antar, delivery_id=taken.id, reason="x")  # type: ignore[union-attr]
    await allow(antar, "manage")
    page = await rows(person)
    assert ("Mengirim ulang" in page, "RM-0012" in page, "/integrasi/" in page) == (True, False, False)
    assert await rows(person, text="RM-0012") == ""


async def test_a_bulk_action_is_linked(manager: httpx.AsyncClient, antar: SmallHub) -> None:  # noqa: F811
    await log(antar, "job.resend", reason="#12 gangguan kemarin")
    page = await rows(manager)
    assert ('href="/pekerjaan/12"' in page, "Mengirim ulang massal" in page) == (True, True)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"text": "jarum"}, {"a"}),
        ({"text": "mengubah ISI"}, {"b"}),
        ({"actor": "sari"}, {"b"}),
        ({"action": "edit"}, {"b"}),
        ({"action": "nothing"}, {"a", "b"}),
        ({"date_from": "2026-03-11"}, set()),
        ({"date_from": "2026-03-10", "date_to": "2026-03-10"}, {"a", "b"}),
        ({"date_from": "11/3/2026"}, set()),
        ({"date_to": "10/03/2026"}, {"a", "b"}),
        ({"date_from": "x", "facility": "x", "after": "x"}, {"a", "b"}),
    ],
)
async def test_the_log_is_filtered(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
    query: dict[str, str],
    shown: set[str],
) -> None:
    await log(antar, reason="tanda-a jarum")
    await log(antar, "edit", "sari", reason="tanda-b")
    page = await rows(manager, **query)
    assert {mark for mark in ("a", "b") if f"tanda-{mark}" in page} == shown


async def test_a_masked_number_cannot_be_guessed_by_searching(manager: httpx.AsyncClient, antar: SmallHub) -> None:  # noqa: F811
    await log(antar, reason=f"pasien {NIK}")
    assert "0001" in await rows(manager, text="0001")
    assert await rows(manager, text="31710101") == ""


async def test_a_manager_of_one_clinic_finds_nothing_of_another(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await users.add_user(antar.hub.database, "rini", PASSWORD, "superadmin", other.id)
    await deliver(antar, "V-SATU")
    await log(antar, reason="rahasia klinik")
    await log_in(nobody, "rini")
    for query in ({}, {"facility": str(antar.facility.id)}, {"text": "rahasia"}, {"actor": "budi"}):
        assert "rahasia klinik" not in await rows(nobody, **query)
    exported = await save(nobody, f"audit/ekspor?facility={antar.facility.id}")
    assert "rahasia klinik" not in exported.text


async def test_an_export_has_all_matches_is_harmless_masked_and_logged(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
) -> None:
    await log(antar, reason=f"=1+1 {NIK}")
    await log(antar, "edit", reason="lain")
    answer = await save(manager, "audit/ekspor?action=resend")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert ("'=1+1" in answer.text, NIK in answer.text, "lain" in answer.text) == (True, False, False)
    assert (await audit(antar))[-1] == ("budi", "audit.export", "action=resend")


async def test_a_reader_searches_further_back_when_matches_are_rare(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.queries.audit_log.MAX_SCANNED", 3)
    await log(antar, reason="jarum")
    for _ in range(4):
        await log(antar, reason="jerami")
    page = (await manager.get(LIST, params={"text": "jarum"})).text
    assert ("Sudah dicari sampai" in page, "Cari lebih lama" in page) == (True, True)
    [last] = await antar.hub.database.fetch(
        text("SELECT at, id FROM audit WHERE reason = 'jerami' ORDER BY id LIMIT 1")
    )
    assert f"after={last.at}.{last.id + 1}" in page
