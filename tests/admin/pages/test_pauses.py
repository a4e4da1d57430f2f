"""Page of pauses: pause and resume, plan, notes; and what the other pages say of what is paused."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from admin.people.permissions import Permission
from engine.facilities.facilities import add_facility
from engine.outbox.pauses import pauses
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.pauses.pauses import NewPause, Pause
from tests.admin.http.test_rights import OWN, allow
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
async def manager(antar: SmallHub) -> None:
    await allow(antar, *Permission)


async def act(person: httpx.AsyncClient, address: str = "/jeda", **fields: str) -> httpx.Response:
    return await person.post(address, data=fields, headers=OWN)


async def present(antar: SmallHub) -> list[Pause]:
    return await pauses.open_pauses(antar.hub.database, antar.facility.id)


def local(antar: SmallHub, minutes: int) -> str:
    """Return a time so many minutes from now as the form sends it."""
    at = antar.facility.local(antar.clock()) + timedelta(minutes=minutes)
    return f"{at:%Y-%m-%dT%H:%M}"


async def test_a_type_is_paused_says_so_and_is_sent_when_it_goes_on(person: httpx.AsyncClient, antar: SmallHub) -> None:
    answer = await act(person, what="ministry/Visit", reason="uji", ends=local(antar, 60))
    assert answer.status_code == 303, answer.text
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    [pause] = await present(antar)
    clock = f"{antar.facility.local(pause.ends_at or 0):%H.%M}"
    words = f"Dijeda sampai {clock} oleh sari: uji"
    for page in (f"{HOME}/Visit", "/kesehatan", "/jeda", f"{HOME}/Visit/1", f"{HOME}/Visit/perubahan?ids=1"):
        assert words in (await person.get(page)).text, page
    assert f"Dijeda sampai {clock}" in (await person.get(HOME)).text
    assert (await act(person, f"/jeda/{pause.id}/lanjutkan")).status_code == 303
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    assert words not in (await person.get(f"{HOME}/Visit")).text


async def test_a_whole_upstream_is_paused_without_an_alarm(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await act(person, what="ministry", reason="pemeliharaan")
    await antar.hand_in("Visit", {"id": "V1"})
    antar.clock.pass_(7200)
    page = (await person.get("/kesehatan")).text
    assert "Dijeda sampai dilanjutkan" in page
    assert "oleh sari: pemeliharaan" in page
    assert "Kiriman tertua 2 jam" not in page
    assert "belum dikirim selama" not in page


async def test_a_list_leads_to_the_pause_of_its_type_and_resumes_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = f"{HOME}/Visit"
    assert 'href="/jeda?apa=ministry/Visit"' in (await person.get(address)).text
    form = (await person.get("/jeda", params={"apa": "ministry/Visit"})).text
    assert '<option value="ministry/Visit" selected>' in form
    await act(person, what="ministry/Visit", reason="uji")
    assert 'action="/jeda/1/lanjutkan"' in (await person.get(address)).text
    headers = {**OWN, "referer": f"http://antar.test{address}"}
    resumed = await person.post("/jeda/1/lanjutkan", headers=headers)
    assert resumed.headers["location"] == address
    assert await present(antar) == []


async def test_a_second_submit_pauses_nothing_twice(person: httpx.AsyncClient, antar: SmallHub) -> None:
    for _ in range(2):
        assert (await act(person, what="ministry/Visit", reason="uji")).status_code == 303
    other = await act(person, what="ministry/Visit", reason="uji", ends=local(antar, 60))
    assert (other.status_code, "sudah dijeda pada waktu itu" in other.text) == (400, True)
    [pause] = await present(antar)
    for _ in range(2):  # of two tabs
        assert (await act(person, f"/jeda/{pause.id}/lanjutkan")).status_code == 303
    assert await present(antar) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"what": "ministry/Visit", "reason": ""}, "Alasan belum diisi"),
        ({"what": "", "reason": "uji"}, "Pilih dulu"),
        ({"what": "ministry/Visit", "reason": "uji", "ends": "2020-01-01T10:00"}, "sudah lewat"),
        ({"what": "ministry/Visit", "reason": "uji", "ends": "besok"}, "tidak dapat dibaca"),
        ({"what": "ministry/Visit", "reason": "uji", "ends": "31/02/2099 25.00"}, "tidak dapat dibaca"),
        (
            {"what": "ministry/Visit", "reason": "uji", "begins": "2099-01-02T10:00", "ends": "2099-01-01T10:00"},
            "sesudah waktu mulai",
        ),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_written_stays(
    person: httpx.AsyncClient, antar: SmallHub, fields: dict[str, str], words: str
) -> None:
    answer = await act(person, **fields)
    assert (answer.status_code, words in answer.text) == (400, True)
    assert f'value="{fields["reason"]}"' in answer.text
    assert await present(antar) == []


@pytest.mark.parametrize("written", ["23.59", "23:59", "10/03/2026 23.59", "2026-03-10T23:59", " 10/3/2026  23.59 "])
async def test_a_time_is_read_as_people_write_it(person: httpx.AsyncClient, antar: SmallHub, written: str) -> None:
    assert f"{antar.facility.local(antar.clock()):%d/%m/%Y}" == "10/03/2026"
    await act(person, what="ministry/Visit", reason="uji", ends=written)
    [pause] = await present(antar)
    assert f"{antar.facility.local(pause.ends_at or 0):%d/%m/%Y %H.%M}" == "10/03/2026 23.59"


async def test_what_cannot_be_paused_is_refused(person: httpx.AsyncClient) -> None:
    for what in ("nowhere", "ministry/Nothing", "ministry/POST /nowhere"):
        assert (await act(person, what=what, reason="uji")).status_code == 400


async def test_a_path_pauses_the_types_that_send_to_it(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await act(person, what="ministry/POST /Visit", reason="uji")
    [pause] = await present(antar)
    assert (pause.spec, pause.path) == ("Visit", "POST /Visit")
    assert "(POST /Visit)" in (await person.get("/jeda")).text


async def test_maintenance_is_planned_shown_to_all_and_cancelled(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await act(person, what="ministry", reason="pindah server", begins=local(antar, 60), ends=local(antar, 120))
    await allow(antar)  # who may open nothing sees it too
    assert "Akan dijeda mulai" in (await person.get("/akun")).text
    await allow(antar, *Permission)
    [pause] = await present(antar)
    await act(person, f"/jeda/{pause.id}/lanjutkan")
    assert "dibatalkan oleh sari" in (await person.get("/jeda")).text


async def test_a_note_is_read_on_every_page_and_escaped(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await act(person, "/jeda/catatan", text=HOSTILE)
    await act(person, "/jeda/catatan", text=HOSTILE)
    for page in (HOME, "/akun", "/jeda", "/strip/ministry"):
        shown = (await person.get(page)).text
        assert HOSTILE not in shown, page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown, page
    assert (await person.get("/akun")).text.count("&lt;script&gt;") == 1
    await act(person, "/jeda/catatan/1/hapus")
    assert "&lt;script&gt;" not in (await person.get("/akun")).text
    rows = await antar.hub.database.fetch(text("SELECT action FROM audit WHERE action LIKE 'notice.%' ORDER BY id"))
    assert [row.action for row in rows] == ["notice.add", "notice.remove"]


async def test_a_note_ends_by_the_clock(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await act(person, "/jeda/catatan", text="Rapat jam tiga", ends=local(antar, 10))
    assert "Rapat jam tiga" in (await person.get("/akun")).text
    antar.clock.pass_(601)
    assert "Rapat jam tiga" not in (await person.get("/akun")).text


async def test_only_who_manages_pauses_and_writes_notes(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, Permission.SATUSEHAT)
    page = await person.get("/jeda")
    assert (page.status_code, "<select" in page.text) == (200, False)
    for address in ("/jeda", "/jeda/1/lanjutkan", "/jeda/catatan", "/jeda/catatan/1/hapus"):
        assert (await act(person, address, what="ministry", reason="x", text="x")).status_code == 403, address
    assert await present(antar) == []


async def test_a_person_of_one_clinic_leaves_the_pauses_of_all_alone(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await add_facility(antar.hub.database, "lain", "Lain")
    await pauses.begin(antar.hub.database, NewPause(None, "ministry", "semua"), "kepala")
    change = text("UPDATE users SET facility_id = :facility")
    await antar.hub.database.write_models(lambda tx: tx.execute(change, {"facility": antar.facility.id}))
    page = (await person.get("/jeda")).text
    assert ("semua klinik" in page, "/lanjutkan" in page) == (True, False)
    [pause] = await present(antar)
    await act(person, f"/jeda/{pause.id}/lanjutkan")
    await act(person, what="ministry/Visit", reason="uji", everywhere="yes")
    assert [(row.facility_id, row.reason) for row in await present(antar)] == [(None, "semua"), (1, "uji")]


async def test_an_open_list_and_delivery_change_when_the_pause_ends(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await act(person, what="ministry/Visit", reason="uji")
    await antar.hand_in("Visit", {"id": "V1"})
    page = (await person.get(f"{HOME}/Visit/1")).text
    assert "Belum dikirim. Dijeda sampai dilanjutkan oleh sari: uji." in page
    marks = [(await person.get(f"{HOME}/Visit/1/keadaan", params={"mark": "x"})).status_code]
    await act(person, "/jeda/1/lanjutkan")
    await keep_lanes(antar.hub.database)
    assert marks == [200]
    assert "Dijeda" not in (await person.get(f"{HOME}/Visit/1")).text


async def test_maintenance_can_be_planned_for_every_week(person: httpx.AsyncClient, antar: SmallHub) -> None:
    times = {"begins": local(antar, 60), "ends": local(antar, 180)}
    assert (await act(person, what="ministry", reason="uji", weekly="yes", **times)).status_code == 303
    assert "setiap minggu" in (await person.get("/jeda")).text
    answer = await act(person, what="ministry/Visit", reason="uji", weekly="yes")
    assert "Jeda mingguan perlu waktu berakhir" in answer.text
    assert 'name="weekly" value="yes" checked' in answer.text
