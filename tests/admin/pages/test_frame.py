"""The frame of every page: the menu with one current entry, the state of the queues, and pages of errors inside it."""

from __future__ import annotations

import re

import httpx
import pytest

from adapters.base import Verdict
from admin.pages import errors
from admin.people.permissions import Permission
from tests.admin.conftest import log_in
from tests.admin.http.test_rights import OWN, allow
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"
LINK = re.compile(r'<a class="sidebar-link" href="([^"]+)"')
CURRENT = re.compile(r'<a class="sidebar-link" href="([^"]+)"[^>]* aria-current="(\w+)"')
SIGN = re.compile(r'<span class="status-sign".*?</span>\s*\n</span>', re.DOTALL)


@pytest.mark.parametrize(
    ("page", "current"),
    [
        (HOME, [(HOME, "page")]),
        (f"{HOME}/Visit", [(HOME, "true")]),
        (f"{HOME}/Visit/masalah", [(HOME, "true")]),
        ("/kunjungan", [("/kunjungan", "page")]),
        ("/cari", [("/kunjungan", "true")]),
        ("/masalah", [("/masalah", "page")]),
        ("/referensi/doctors", [("/referensi/doctors", "page")]),
        ("/pekerjaan", [("/pekerjaan", "page")]),
        ("/kesehatan", [("/kesehatan", "page")]),
        ("/jeda", [("/kesehatan", "true")]),
        ("/admin", [("/admin", "page")]),
        ("/admin/users/list", [("/admin", "true")]),
        ("/tidak-ada", []),
    ],
)
async def test_one_entry_of_the_menu_is_current(
    person: httpx.AsyncClient, antar: SmallHub, page: str, current: list[tuple[str, str]]
) -> None:
    await allow(antar, *Permission)
    assert CURRENT.findall((await person.get(page)).text) == current


async def test_the_menu_holds_what_the_person_may_open(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, Permission.SATUSEHAT)
    links = [HOME, "/referensi/doctors", "/kunjungan", "/masalah", "/tampilan", "/kesehatan"]
    assert LINK.findall((await person.get(HOME)).text) == links


async def test_an_address_without_a_page_keeps_the_frame(person: httpx.AsyncClient) -> None:
    for address in ("/tidak-ada", "/integrasi/tidak-ada", f"{HOME}/TidakAda", "/admin/tidak-ada"):
        answer = await person.get(address)
        assert (answer.status_code, HOME in LINK.findall(answer.text)) == (404, True), address


async def test_who_is_refused_can_log_out(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar)
    page = (await person.get(HOME)).text
    assert page.count('action="/logout"') == 2
    assert LINK.findall(page) == []
    assert ">Ke halaman depan<" not in page


async def test_who_is_not_logged_in_gets_the_message_alone(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/tidak-ada")
    assert (answer.status_code, "Halaman ini tidak ada." in answer.text) == (404, True)
    assert "sidebar" not in answer.text


async def test_a_frame_that_breaks_leaves_the_message(
    person: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("no database")

    monkeypatch.setattr(errors, "layout_for", broken)
    answer = await person.get("/tidak-ada")
    assert (answer.status_code, "Halaman ini tidak ada." in answer.text, "sidebar" in answer.text) == (404, True, False)


async def test_a_wrong_password_keeps_the_name(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    page = (await log_in(nobody, 'sa"ri', "salah")).text
    assert 'name="name" value="sa&#34;ri"' in page


async def test_the_sign_says_the_worst_and_counts_the_rest(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    [sign] = SIGN.findall((await person.get("/strip/ministry")).text)
    assert "dot-bad" in sign
    assert "Tidak ada pengirim aktif" in sign
    assert ">+1<" in sign


async def test_a_log_out_from_a_refusal_ends_the_session(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar)
    assert (await person.post("/logout", headers=OWN)).headers["location"] == "/login"
    assert (await person.get(HOME)).headers["location"] == "/login"
