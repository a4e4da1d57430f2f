"""Page of one delivery: its tabs by permission, its actions, and the reason why an action is refused."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text, update

from adapters.base import Verdict
from admin.people.permissions import Permission
from engine.database.statements import Command
from engine.database.tables import Role
from engine.facilities.facilities import new_api_key
from engine.maintenance.retention import AttemptRetention
from engine.outbox.claim import claim
from engine.outbox.edit import Basis, save
from tests.engine.small_hub import SmallHub, accepted, refused

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}
VISITS = "/integrasi/ministry/Visit"
NIK = "3171010101010001"
PASSPORT = "X1234567"
NO_KEYS = Command("DELETE FROM api_keys")
TABS = ("", "?tab=request", "?tab=response", "?tab=percobaan", "?tab=asal", "?tab=audit")


async def failed_visit(antar: SmallHub, key: str = "V1", **record: Any) -> str:
    """Return the address of a refused delivery."""
    antar.ministry.script = [
        refused(Verdict.REJECTED, 400, code="10457", message="Element not found", body=b'{"error": "10457"}')
    ]
    await antar.hand_in("Visit", {"id": key, **record})
    await antar.work()
    return f"{VISITS}/{(await antar.row('Visit', key)).id}"


async def allow(antar: SmallHub, *permissions: Permission) -> None:
    change = update(Role).values(permissions=orjson.dumps([Permission.SATUSEHAT, *permissions]).decode())
    await antar.hub.database.write_models(lambda tx: tx.execute(change))


async def page_of(person: httpx.AsyncClient, address: str) -> str:
    """Return the text of the page without tags."""
    answer = await person.get(address)
    assert answer.status_code == 200
    return html.unescape(re.sub(r"<[^>]+>", "", answer.text))


async def do(person: httpx.AsyncClient, address: str, **form: str) -> str:
    """Send a form of the page; return the name of its result."""
    answer = await person.post(address, data=form, headers=OWN)
    return answer.headers["location"].partition("told=")[2]


async def audit(antar: SmallHub) -> list[tuple[str, str, str]]:
    rows = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit ORDER BY id"))
    return [tuple(row) for row in rows]


async def test_the_origin_names_the_api_key(person: httpx.AsyncClient, antar: SmallHub) -> None:
    async def handed_in_by(name: str) -> str:
        key = await new_api_key(antar.hub.database, antar.facility.id, name)
        record = {"id": "V1", "at": "2026-03-10", "note": name}
        authorization = {"Authorization": f"Bearer {key}"}
        answer = await person.post("/api/v1/records/Visit", json=record, headers=authorization)
        assert answer.status_code == 202, answer.text
        return await origin()

    async def origin() -> str:
        return (await person.get(f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}?tab=asal")).text

    assert "lewat API, dengan kunci simrs." in await handed_in_by("simrs")
    assert "lewat API, dengan kunci apotek." in await handed_in_by("apotek")  # its present content came by this one
    await antar.hub.database.execute(NO_KEYS, {})
    assert "dengan kunci yang sudah dihapus." in await origin()
    antar.clock.pass_(1)
    await new_api_key(antar.hub.database, antar.facility.id, "another with the same id")
    assert "dengan kunci yang sudah dihapus." in await origin()
    await antar.hand_in("Visit", {"id": "V1", "at": "2026-03-10", "note": "by a command"})
    assert "Diserahkan oleh sistem klinik lewat API." in await origin()


async def test_headers_are_shown_without_secrets(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(antar.ministry, "secret_headers", lambda: ("X-Secret",), raising=False)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, headers=f"x-request-id: abc-1\nserver: {NIK}")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    address = f"{VISITS}/{(await antar.row('Visit', 'V1')).id}"
    page = await page_of(person, f"{address}?tab=request")
    assert re.search(r"content-length\d+", page)
    assert "X-Secretrahasia, tidak disimpan" in page
    assert "x-request-idabc-1" in page
    assert NIK not in page


async def test_each_tab_shows_its_part(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note="batuk")
    summary, request, response, tries, record, acts = [await page_of(person, address + tab) for tab in TABS]
    assert "Element not found" in summary
    assert "Kirim ditolak 400 10457" in summary
    assert "POST /Visit" in request
    assert '"note": "batuk"' in request
    assert '"error": "10457"' in response
    assert "dipicu sistem" in tries
    assert '"id": "V1"' in record
    assert "Belum ada tindakan orang" in acts


async def test_a_script_gets_the_drawer_alone(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    part = (await person.get(f"{address}?tab=request", headers={"HX-Request": "true"})).text
    assert part.lstrip().startswith("<article")
    assert "<html" not in part


async def test_a_tab_that_there_is_not_is_the_summary(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "Perjalanan" in await page_of(person, f"{await failed_visit(antar)}?tab=../../etc/passwd")


async def test_neighbours_stay_within_the_filter(person: httpx.AsyncClient, antar: SmallHub) -> None:
    addresses = [await failed_visit(antar, f"V{n}") for n in range(3)]
    await antar.hand_in("Visit", {"id": "V9"})
    page = (await person.get(f"{addresses[1]}?status=failed")).text
    assert [html.unescape(link) for link in re.findall(r'href="([^"]+)" data-inside data-(?:newer|older)', page)] == [
        f"{addresses[2]}?status=failed",
        f"{addresses[0]}?status=failed",
    ]
    assert "Ini yang pertama" in (await person.get(f"{addresses[2]}?status=failed")).text


async def test_what_it_waits_for_and_what_waits_for_it_are_links(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "9999999999999999"})
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    visit, needed = await antar.row("Visit", "V1"), await antar.row("Person", "P1")
    assert f'href="/integrasi/ministry/Person/{needed.id}">Orang P1' in (await person.get(f"{VISITS}/{visit.id}")).text
    page = (await person.get(f"/integrasi/ministry/Person/{needed.id}")).text
    assert f'href="{VISITS}/{visit.id}">Kunjungan V1' in page


async def test_what_was_never_sent_shows_what_will_be(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1", "note": "nanti"})
    page = await page_of(person, f"{VISITS}/{(await antar.row('Visit', 'V1')).id}?tab=request")
    assert "Yang akan dikirim" in page
    assert '"reference": "<Person P1>"' in page


async def test_any_two_tries_can_be_compared(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note="batuk")
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1", "note": "demam"})
    await antar.work()
    page = await page_of(person, f"{address}?tab=percobaan&banding=1&banding=2")
    assert re.search(r'hilang:\s*"note": "batuk"', page)
    assert re.search(r'baru:\s*"note": "demam"', page)
    assert "Centang tepat dua" in await page_of(person, f"{address}?tab=percobaan&banding=1&banding=x")


async def test_the_bodies_of_one_try_are_opened_by_its_link(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note="batuk")
    assert "batuk" not in await page_of(person, f"{address}?tab=percobaan")
    assert '"note": "batuk"' in await page_of(person, f"{address}?tab=percobaan&percobaan=1")


async def test_the_tries_of_another_delivery_are_not_shown(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await failed_visit(antar, "V1", note="rahasia")
    address = await failed_visit(antar, "V2", note="batuk")
    page = await page_of(person, f"{address}?tab=percobaan&percobaan=1&banding=1&banding=2")
    assert "rahasia" not in page
    assert "Centang tepat dua" in page


async def test_a_command_for_a_shell_holds_no_secret_and_is_one_command(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, note="it's; rm -rf / $(x) `y`")
    page = (await person.get(f"{address}?tab=request")).text
    command = html.unescape(re.search(r'data-copy="([^"]+)"', page)[1])  # type: ignore[index]
    assert command.startswith('curl -X POST http://ministry/Visit -H "Authorization: Bearer $TOKEN"')
    assert "rahasia" not in command
    assert """'"'"'""" in command  # the apostrophe ends the quotes of the shell and begins them anew


async def test_bodies_are_for_those_who_may_read_them(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note="batuk")
    await allow(antar)
    pages = [await page_of(person, f"{address}{tab}") for tab in (*TABS[1:5], "?tab=percobaan&percobaan=1&banding=1")]
    assert all("Peran Anda tidak mengizinkan membaca isi data" in page for page in pages)
    assert not any('"note"' in page for page in pages)
    assert (await person.get(f"{address}/ubah")).status_code == 403


async def test_identifiers_are_hidden_in_every_tab(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note=f"NIK{NIK} dan 0812-3456-7890")
    for tab in (*TABS, "?tab=percobaan&percobaan=1", "/ubah"):
        page = (await person.get(f"{address}{tab}")).text
        assert NIK not in page, tab
        assert "0812-3456-7890" not in page, tab


async def test_identifiers_are_revealed_once_for_a_reason_that_is_noted(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, note=f"NIK {NIK}")
    await allow(antar, Permission.BODIES, Permission.REVEAL)
    assert await do(person, f"{address}/tampilkan", reason=" ", tab="asal") == "reason_missing"
    answer = await person.post(
        f"{address}/tampilkan", data={"reason": "dicocokkan dengan KTP", "tab": "asal"}, headers=OWN
    )
    assert NIK in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert await audit(antar) == [("sari", "reveal", "dicocokkan dengan KTP")]
    assert NIK not in (await person.get(f"{address}?tab=asal")).text


async def test_an_identifier_at_a_marked_place_is_hidden_in_every_text_until_it_is_revealed(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    refusal = f"paspor%7C{PASSPORT} tidak cocok"
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="1", message=refusal)]
    await antar.hand_in("Visit", {"id": "V1", "note": f"paspor {PASSPORT.lower()}", "passport": PASSPORT})
    await antar.work()
    address = f"/integrasi/ministry/Visit/{(await antar.row('Visit', 'V1')).id}"
    await allow(antar, Permission.BODIES, Permission.EDIT, Permission.REVEAL)
    for tab in (*TABS, "?tab=percobaan&percobaan=1", "/ubah"):
        page = (await person.get(f"{address}{tab}")).text
        assert PASSPORT not in page.upper(), tab
    assert PASSPORT not in (await person.get("/integrasi/ministry/Visit")).text.upper()
    for tab in ("asal", "request"):
        assert "••••4567" in (await person.get(f"{address}?tab={tab}")).text
        answer = await person.post(f"{address}/tampilkan", data={"reason": "dicocokkan", "tab": tab}, headers=OWN)
        assert PASSPORT in answer.text


async def test_who_may_not_reveal_is_refused_and_nothing_is_noted(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note=f"NIK {NIK}")
    answer = await person.post(f"{address}/tampilkan", data={"reason": "ingin tahu"}, headers=OWN)
    assert (answer.status_code, NIK in answer.text, await audit(antar)) == (403, False, [])
    assert "Tampilkan" not in await page_of(person, address)


async def test_revealing_does_not_open_bodies(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, note=f"NIK {NIK}")
    await allow(antar, Permission.REVEAL)
    answer = await person.post(f"{address}/tampilkan", data={"reason": "x", "tab": "asal"}, headers=OWN)
    assert NIK not in answer.text


async def test_a_resend_makes_the_body_anew_and_the_menu_sends_it_as_it_was(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, note="batuk")
    drop = text("UPDATE deliveries SET record = replace(record, 'batuk', 'demam')")
    await antar.hub.database.write_models(lambda tx: tx.execute(drop))
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * 2
    for form in ({"how": "stored"}, {}):
        assert await do(person, f"{address}/resend", **form) == "done"
        await antar.work()
    assert [post["note"] for post in antar.ministry.posts] == ["batuk", "batuk", "demam"]


async def test_two_clicks_resend_once(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    assert [await do(person, f"{address}/resend") for _ in range(2)] == ["done", "already"]
    assert len(await audit(antar)) == 1


async def test_it_is_set_aside_with_a_reason_only(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    results = [await do(person, f"{address}/abaikan", reason=reason) for reason in (" ", "pasien uji coba", "lagi")]
    assert results == ["reason_missing", "ignored", "not_ignored"]
    assert await antar.status("Visit", "V1") == "ignored"
    assert "pasien uji coba" in await page_of(person, f"{address}?tab=audit")


async def test_every_refusal_says_why(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    await do(person, f"{address}/resend")
    assert "Kirim Ulang: Sudah akan dikirim." in await page_of(person, address)
    await claim(antar.hub.database, antar.channel, 1, "worker")
    page = await page_of(person, address)
    for action in ("Kirim Ulang", "Ubah isi", "Abaikan…"):
        assert f"{action}: Sedang dikirim" in page
    await allow(antar)
    assert "Kirim Ulang: Peran Anda tidak mengizinkan mengirim ulang." in await page_of(person, address)


async def test_what_the_upstream_takes_no_change_of_is_not_sent_again(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    address = f"/integrasi/ministry/Finding/{(await antar.row('Finding', 'F1')).id}"
    assert "jenis ini tidak dapat diubah lagi di sana" in await page_of(person, address)
    assert await do(person, f"{address}/resend", force="yes", reason="diminta") == "final"


async def test_the_time_line_tells_who_did_what_in_order(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    antar.clock.pass_(60)
    row = await antar.row("Visit", "V1")
    body = '{"identifier": "V1"}'
    await save(antar.hub.database, antar.facility.id, row.id, "budi", body, reason="salah kode", basis=Basis(1))
    antar.clock.pass_(60)
    await antar.work()
    page = await page_of(person, address)
    story = page[page.index("Perjalanan") :]
    places = [
        story.index(words)
        for words in ("Diserahkan", "Kirim ditolak", "budi mengubah isi", "salah kode", "Kirim diterima")
    ]
    assert places == sorted(places)
    assert "perubahan isi oleh budi" in await page_of(person, f"{address}?tab=percobaan")


@pytest.mark.parametrize(
    "body", [b"<script>alert(1)</script>", b'{"<img src=x onerror=alert(1)>": "</details>"}', b"[" * 3000]
)
async def test_hostile_answers_are_only_text(person: httpx.AsyncClient, antar: SmallHub, body: bytes) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, body=body, message=body.decode())]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    address = f"{VISITS}/{(await antar.row('Visit', 'V1')).id}"
    for tab in ("", "?tab=response", "?tab=percobaan&percobaan=1"):
        page = (await person.get(address + tab)).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


async def test_a_long_answer_does_not_make_a_heavy_page(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [accepted(id="id-V1", more=["x" * 100] * 20_000)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    answer = await person.get(f"{VISITS}/{(await antar.row('Visit', 'V1')).id}?tab=response")
    assert len(answer.content) < 150_000


async def test_another_types_delivery_can_be_neither_read_nor_mended_here(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    wrong = (await failed_visit(antar)).replace("/Visit/", "/Person/")
    for method, path in (("GET", ""), ("POST", "/abaikan"), ("GET", "/ubah"), ("POST", "/ubah"), ("POST", "/resend")):
        assert (await person.request(method, wrong + path, data={"reason": "x"}, headers=OWN)).status_code == 404


async def test_bodies_whose_time_is_over_are_told_as_such(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.work()
    antar.clock.pass_(100 * 86_400)
    await AttemptRetention(antar.hub.database, lambda: antar.hub.catalog).tick()
    antar.clock.pass_(-100 * 86_400)
    address = f"{VISITS}/{(await antar.row('Visit', 'V1')).id}"
    for tab in ("?tab=request", "?tab=response", "?tab=percobaan&percobaan=1"):
        page = await page_of(person, address + tab)
        assert ("dihapus menurut masa simpan" in page, "batuk" in page) == (True, False)
