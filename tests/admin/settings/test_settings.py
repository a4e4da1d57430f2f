"""Settings: users, roles, clinics, keys and logs in SQLAdmin, restricted by Antar's permissions."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from admin.people import users
from admin.settings import delivery_views
from admin.settings.delivery_views import DeliveryView
from admin.text.words import say
from engine.facilities.facilities import add_facility, by_api_key, credentials
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.http.test_rights import OWN, allow, deliver
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

LISTS = ("users", "roles", "facilities", "keys", "alerts", "audit", "raw-Visit")
NOT_ON_THE_INDEX = {"raw-Visit"}


@pytest.fixture
async def manager(nobody: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    """Return a client of a person who may manage everything."""
    await users.add_user(antar.hub.database, "budi", PASSWORD, "superadmin")
    await log_in(nobody, "budi")
    return nobody


async def save(client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
    return await client.post(f"/admin/{path}", data={"save": "Save", **fields}, headers=OWN)


async def audit(antar: SmallHub) -> list[tuple[str, str, str]]:
    rows = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit ORDER BY id"))
    return [(row.actor, row.action, row.reason) for row in rows]


async def test_every_list_opens(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    await deliver(antar, "V-1")
    answers = {name: await manager.get(f"/admin/{name}/list") for name in LISTS}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(LISTS, 200)
    index = (await manager.get("/admin")).text
    assert {name for name in LISTS if f'class="card tile" href="/admin/{name}/list"' not in index} == NOT_ON_THE_INDEX


async def test_the_api_keys_lead_to_the_documentation_of_the_api(manager: httpx.AsyncClient) -> None:
    assert 'href="/schema/docs"' in (await manager.get("/admin/keys/list")).text


async def test_raw_lists_are_folded_away_below_the_settings(manager: httpx.AsyncClient) -> None:
    index, users_page = [(await manager.get(path)).text for path in ("/admin", "/admin/users/list")]
    assert index.count("/admin/raw-") == 1
    assert re.search(r"<details >\s*<summary class=\"group\">Data mentah \(untuk pengembang\)", users_page)
    assert re.search(r"<details open>\s*<summary", (await manager.get("/admin/raw-Visit/list")).text)


async def test_the_old_list_of_bulk_actions_leads_to_the_new_one(manager: httpx.AsyncClient) -> None:
    answers = [await manager.get(f"/admin/bulk/{path}") for path in ("list", "details/7")]
    assert [answer.headers["location"] for answer in answers] == ["/pekerjaan", "/pekerjaan/7"]


async def test_every_page_opens_in_english(manager: httpx.AsyncClient) -> None:
    manager.cookies.set("antar_language", "en")
    assert "API keys" in (await manager.get("/admin/keys/list")).text


async def test_a_user_is_made_changed_and_removed(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    fields = {"name": "wati", "role": "admin", "facility_id": "", "password": PASSWORD}
    assert (await save(manager, "users/create", **fields)).headers["location"].endswith("/admin/users/list")
    [row] = await antar.hub.database.fetch(text("SELECT id FROM users WHERE name = 'wati'"))
    changed = await save(manager, f"users/edit/{row.id}", **{**fields, "name": "watik", "password": ""})
    assert changed.status_code == 302
    assert await users.verify(antar.hub.database, "watik", PASSWORD)
    await save(manager, f"users/hapus/{row.id}")
    assert await users.by_id(antar.hub.database, row.id) is None
    assert [(actor, action) for actor, action, _ in await audit(antar)] == [
        ("budi", f"user.{action}") for action in ("add", "change", "remove")
    ]
    assert PASSWORD not in str(await audit(antar))


async def test_a_new_password_and_a_disabled_account_end_sessions(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, "manage")
    budi = {"name": "budi", "role": "superadmin", "facility_id": "", "password": PASSWORD}
    await save(person, "users/create", **budi)
    sari = {"name": "sari", "role": "admin", "facility_id": "", "password": ""}
    await save(person, "users/edit/1", **sari, disabled="y")
    assert (await person.get("/admin")).headers["location"] == "/login"


@pytest.mark.parametrize("fields", [{"disabled": "y"}, {"role": "admin"}, {"facility_id": "1"}])
async def test_the_last_manager_stays(manager: httpx.AsyncClient, antar: SmallHub, fields: dict[str, str]) -> None:
    answer = await save(manager, "users/edit/1", **{"name": "budi", "role": "superadmin", "facility_id": "", **fields})
    assert (answer.status_code, "Harus selalu ada satu pengguna aktif" in answer.text) == (400, True)
    assert (await save(manager, "users/hapus/1")).headers["location"] == "/admin/users/details/1"
    assert (await manager.get("/admin")).status_code == 200
    assert await audit(antar) == []


async def test_the_role_of_the_last_manager_keeps_its_permission(manager: httpx.AsyncClient) -> None:
    answer = await save(manager, "roles/edit/superadmin", label="Superadmin", name="superadmin", satusehat="y")
    assert "Harus selalu ada" in answer.text


async def test_a_role_is_made_given_and_cannot_be_removed_while_somebody_has_it(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    await save(manager, "roles/create", label="Petugas", name="petugas", satusehat="y", resend="y")
    await users.add_user(antar.hub.database, "wati", PASSWORD, "petugas")
    user = await users.verify(antar.hub.database, "wati", PASSWORD)
    await save(manager, "roles/hapus/petugas")
    assert user
    assert user.permissions == {"satusehat", "resend"}
    assert "masih dipakai" in (await manager.get("/admin/roles/details/petugas")).text


@pytest.mark.parametrize(
    "taken",
    [
        ("users", {"name": "budi", "role": "admin", "facility_id": "", "password": PASSWORD}),
        ("roles", {"label": "X", "name": "admin"}),
        ("facilities", {"name": "X", "code": "klinik", "time_zone": "Asia/Jakarta"}),
    ],
)
async def test_what_is_taken_is_told(manager: httpx.AsyncClient, taken: tuple[str, dict[str, str]]) -> None:
    answer = await save(manager, f"{taken[0]}/create", **taken[1])
    assert (answer.status_code, "sudah dipakai" in answer.text) == (400, True)


async def test_what_is_missing_is_told_beside_its_field(manager: httpx.AsyncClient) -> None:
    for path in ("users/create", "roles/create", "facilities/create", "keys/create"):
        answer = await save(manager, path)
        assert (answer.status_code, "Wajib diisi." in answer.text) == (400, True), path


async def test_credentials_go_in_and_never_come_out(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    fields = {"name": "Klinik Baru", "code": "klinik", "time_zone": "Asia/Makassar", "organization_id": "1"}
    await save(manager, "facilities/edit/1", **fields, **{"ministry.secret": "s3kali-rahasia"})
    pages = [await manager.get(f"/admin/facilities/{page}") for page in ("list", "details/1", "edit/1")]
    assert (await credentials(antar.hub.database, antar.hub.vault, 1, "ministry")) == {"secret": "s3kali-rahasia"}
    assert [page for page in pages if "s3kali" in page.text or page.status_code != 200] == []
    assert "s3kali" not in str(await audit(antar))
    assert ("budi", "credentials.change", "ministry: secret") in await audit(antar)


async def test_a_new_clinic_is_asked_for_the_first_account_and_the_others_are_folded(
    manager: httpx.AsyncClient,
) -> None:
    page = (await manager.get("/admin/facilities/create")).text
    assert re.findall(r'<details class="channel" (\w*)', page) == ["open"]
    assert "Isi kredensial yang dipakai klinik saja" in page


async def test_a_connection_card_leads_to_the_form_and_is_tried_only_once_it_is_entered(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    page = (await manager.get("/admin/facilities/details/1")).text
    assert ('href="/admin/facilities/edit/1#ministry.secret"' in page, "uji/1/ministry" in page) == (True, True)
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM credentials")))
    assert "uji/1/ministry" not in (await manager.get("/admin/facilities/details/1")).text


async def test_an_empty_credential_changes_nothing(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    fields = {"name": "Klinik Baru", "code": "lain", "time_zone": "Asia/Makassar"}
    await save(manager, "facilities/edit/1", **fields, **{"ministry.secret": " "})
    [row] = await antar.hub.database.fetch(text("SELECT code, name, time_zone FROM facilities"))
    assert (row.code, row.name, row.time_zone) == ("klinik", "Klinik Baru", "Asia/Makassar")
    assert (await credentials(antar.hub.database, antar.hub.vault, 1, "ministry")) == {"secret": "rahasia"}


async def test_a_connection_is_tried_and_the_answer_told_in_words(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    answer = await save(manager, "facilities/uji/1/ministry")
    assert (answer.status_code, "Berhasil" in answer.text) == (200, True)
    assert await audit(antar) == [("budi", "connection.test", "ministry ok=True")]


async def test_a_connection_without_credentials_says_what_is_missing(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    await add_facility(antar.hub.database, "lain", "Klinik Lain")
    assert "belum lengkap" in (await save(manager, "facilities/uji/2/ministry")).text


async def test_a_key_is_shown_once_and_revoked(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    made = await save(manager, "keys/create", name="simrs", facility_id="1", valid_days="30")
    [key] = re.findall(r"antar_[0-9a-f]{8}_[\w-]+", made.text)
    assert await by_api_key(antar.hub.database, key)
    assert key not in (await manager.get("/admin/keys/details/1")).text
    await save(manager, "keys/hapus/1")
    assert await by_api_key(antar.hub.database, key) is None
    assert [action for _, action, _ in await audit(antar)] == ["key.new", "key.revoke"]


async def test_a_key_without_an_end_needs_no_number_of_days(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "antar_" in (await save(manager, "keys/create", name="simrs", facility_id="1", valid_days="")).text
    for days in ("0", "3651", "x"):
        answer = await save(manager, "keys/create", name="simrs", facility_id="1", valid_days=days)
        assert answer.status_code == 400


async def test_logs_cannot_be_changed(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    await save(manager, "keys/create", name="simrs", facility_id="1")
    for name in ("audit", "raw-Visit"):
        for path in ("create", "edit/1", "hapus/1"):
            assert (await save(manager, f"{name}/{path}")).status_code in {403, 404}, (name, path)


async def test_deliveries_are_listed_with_their_columns_searched_and_filtered(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    first, _ = [await deliver(antar, key) for key in ("V-SATU", "V-DUA")]
    assert "V-DUA" not in (await manager.get("/admin/raw-Visit/list?text=V-SATU")).text
    assert "V-DUA" not in (await manager.get("/admin/raw-Visit/list?status=failed")).text
    page = (await manager.get(f"/admin/raw-Visit/details/{first}")).text
    assert "V-SATU" in page
    assert "Data asal" in page


def test_a_column_called_as_one_of_the_lists_own_keeps_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {"key": "RJ-1", "day": "29/11/2026", "cells": ["Selesai"], "norm": "RM-1", "status": "sent"}
    monkeypatch.setattr(delivery_views, "list_row", lambda spec, layout, row: cells)
    monkeypatch.setattr(delivery_views, "layout_of", lambda request: None)
    view: Any = SimpleNamespace(
        spec=SimpleNamespace(columns=[SimpleNamespace(name="status", label="Status kunjungan")])
    )
    listed = DeliveryView.cells(view, None, None)  # type: ignore[arg-type]
    assert list(listed.values()) == ["RJ-1", "29/11/2026", "Selesai", "RM-1", cells]


async def test_bodies_need_their_permission(person: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = await deliver(antar, "V-SATU")
    await allow(antar, "satusehat", "raw")
    page = (await person.get(f"/admin/raw-Visit/details/{id_}")).text
    assert ("Data asal" in page, "belum boleh membaca isi" in page) == (False, True)


async def test_a_role_opens_only_its_part(person: httpx.AsyncClient, antar: SmallHub) -> None:
    raw, settings = {"raw-Visit"}, set(LISTS) - {"raw-Visit"}
    cases = [(["satusehat", "raw"], raw), (["manage"], settings), (["manage", "raw"], settings)]
    for allowed, opened in [*cases, (["satusehat"], set()), (["raw"], set()), ([], set())]:
        await allow(antar, *allowed)
        answers = {name: (await person.get(f"/admin/{name}/list")).status_code for name in LISTS}
        assert answers == {name: 200 if name in opened else 403 for name in LISTS}
        assert (await person.get("/admin")).status_code == (200 if opened else 403)


async def test_buttons_ask_for_the_right_of_their_page(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, "satusehat")
    paths = ("facilities/uji/1/ministry", "alerts/uji/1", "audit/ekspor", "users/hapus/1")
    assert [(await save(person, path)).status_code for path in paths] == [403, 403, 403, 403]
    assert await audit(antar) == []


async def test_whoever_may_not_is_told_who_to_ask(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await users.add_user(antar.hub.database, "budi", PASSWORD, "superadmin")
    page = (await person.get("/admin/users/list")).text
    assert ("budi" in page, "mengatur pengguna" in page) == (True, True)


async def test_nobody_gets_into_the_settings(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    for path in ("", "/users/list", "/users/create", "/statics/css/main.css", "/login", "/logout"):
        assert (await nobody.get(f"/admin{path}")).headers["location"] == "/login"


async def test_a_confined_manager_sees_and_changes_their_clinic_alone(
    nobody: httpx.AsyncClient, antar: SmallHub
) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await users.add_user(antar.hub.database, "pusat", PASSWORD, "superadmin")
    await users.add_user(antar.hub.database, "orang-lain", PASSWORD, "admin", other.id)
    await users.add_user(antar.hub.database, "budi", PASSWORD, "superadmin", antar.facility.id)
    await deliver(antar, "V-KLINIK-LAIN", other)
    await log_in(nobody, "budi")
    for name in LISTS:
        page = (await nobody.get(f"/admin/{name}/list")).text
        own_words = page.split("<main")[1].replace(say("type.more"), "")
        assert not re.search("lain|LAIN|pusat", own_words), name
    refused = [
        await save(nobody, "users/create", name="x", role="admin", facility_id="", password=PASSWORD),
        await save(nobody, "users/create", name="x", role="admin", facility_id=str(other.id), password=PASSWORD),
        await save(nobody, "keys/create", name="x", facility_id=str(other.id)),
        await save(nobody, "roles/edit/admin", label="Admin", name="admin", manage="y"),
        await save(nobody, "facilities/create", name="x", code="x", time_zone="Asia/Jakarta"),
        await save(nobody, f"facilities/edit/{other.id}", name="x", code="x", time_zone="Asia/Jakarta"),
        await save(nobody, f"facilities/uji/{other.id}/ministry"),
        await save(nobody, "users/hapus/1"),
        await save(nobody, "users/edit/2", name="x", role="admin", facility_id=""),
    ]
    assert [answer.status_code for answer in refused] == [400, 400, 400, 403, 403, 404, 404, 404, 404]
    assert await audit(antar) == []


async def test_pages_of_the_settings_load_nothing_from_elsewhere_and_no_inline_script(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    id_ = await deliver(antar, "V-SATU")
    made = await save(manager, "keys/create", name="simrs", facility_id="1")
    paths = [f"{name}/list" for name in LISTS] + [
        "users/create",
        "users/edit/1",
        "facilities/details/1",
        "roles/edit/admin",
    ]
    pages = [made, *[await manager.get(f"/admin/{path}") for path in ["", *paths, f"raw-Visit/details/{id_}"]]]
    for page in pages:
        assert page.status_code == 200, page.url
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)|(?:src|href)=\"(?:https?:)?//", page.text
        )


async def test_hostile_names_are_shown_as_they_are(manager: httpx.AsyncClient) -> None:
    await save(
        manager, "users/create", name="<img src=x onerror=alert(1)>", role="admin", facility_id="", password=PASSWORD
    )
    page = (await manager.get("/admin/users/list")).text
    assert ("<img src=x" in page, "&lt;img src=x" in page) == (False, True)


@pytest.mark.parametrize(
    "path",
    [
        "users/details/999",
        "users/details/x",
        "nothing/list",
        "raw-Visit/details/1;2",
        "users/details/99999999999999999999",
        "roles/details/tidak-ada",
        "raw-Visit/details/-1",
    ],
)
async def test_what_is_not_there_is_told(manager: httpx.AsyncClient, path: str) -> None:
    answer = await manager.get(f"/admin/{path}")
    assert (answer.status_code, "tidak ada" in answer.text) == (404, True)


@pytest.mark.parametrize(
    "query", ["after=x", "page=2&after=1", "before=9999-99-99.1", "date_from=x", "page=x", "text=%00"]
)
async def test_odd_addresses_break_nothing(manager: httpx.AsyncClient, query: str) -> None:
    for name in LISTS:
        assert (await manager.get(f"/admin/{name}/list?{query}")).status_code < 500


async def test_a_broken_page_says_so(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DROP TABLE api_keys")))
    answer = await manager.get("/admin/keys/list")
    assert (answer.status_code, 'href=""' in answer.text) in ((500, True), (503, True))


async def test_what_breaks_while_saving_is_told_without_its_words(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DROP TABLE audit")))
    answer = await save(manager, "roles/create", label="Petugas", name="petugas")
    assert (answer.status_code, "audit" in answer.text.split('role="alert"')[1]) == (400, False)
    assert await antar.hub.database.fetch(text("SELECT name FROM roles WHERE name = 'petugas'")) == []


async def test_a_changed_configuration_changes_the_settings_too(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "Kunjungan baru" not in (await manager.get("/admin")).text
    entries = antar.hub.settings.config_dir / "resources.yaml"
    entries.write_text(entries.read_text().replace("label: ", "label: Kunjungan baru ", 1))
    antar.hub.reload()
    assert "Kunjungan baru" in (await manager.get("/admin")).text


async def test_another_site_changes_no_settings(manager: httpx.AsyncClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path in ("users/create", "users/hapus/1", "facilities/uji/1/ministry", "keys/create"):
        assert (await manager.post(f"/admin/{path}", headers=foreign)).status_code == 403


async def test_lists_go_on_by_keyset(manager: httpx.AsyncClient, antar: SmallHub) -> None:
    for n in range(60):
        await deliver(antar, f"V-{n:03}")
    first = (await manager.get("/admin/raw-Visit/list")).text
    [older] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = (await manager.get(f"/admin/raw-Visit/list{older.replace('&amp;', '&')}")).text
    keys = [set(re.findall(r"V-\d{3}", page)) for page in (first, second)]
    assert (len(keys[0]), len(keys[1]), keys[0] & keys[1]) == (50, 10, set())
