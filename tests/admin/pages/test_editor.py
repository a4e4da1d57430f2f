"""*Ubah isi*: checks while typing, asks before it overwrites another person's edit, and keeps every typed text."""

from __future__ import annotations

import html
import re

import httpx
import orjson
import pytest
from sqlalchemy import text

from adapters.base import Problem, Verdict
from admin.people import users
from engine.outbox.claim import claim
from tests.admin.conftest import PASSWORD, log_in
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}
VISITS = "/integrasi/ministry/Visit"
NIK, OTHER = "3171010101010001", "3271010101010001"


async def failed_visit(antar: SmallHub, note: str = "batuk", **record: str) -> str:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1", "note": note, **record})
    await antar.work()
    return f"{VISITS}/{(await antar.row('Visit', 'V1')).id}/ubah"


def form_of(page: str) -> dict[str, str]:
    """Return the fields of the editor as a browser would send them."""
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    body = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert seen
    assert body
    return {"seen": seen[1], "body": html.unescape(body[1]).replace("\n", "\r\n"), "reason": "salah kode"}


async def begin(person: httpx.AsyncClient, address: str) -> dict[str, str]:
    return form_of((await person.get(address)).text)


async def save(person: httpx.AsyncClient, address: str, form: dict[str, str]) -> httpx.Response:
    return await person.post(address, data=form, headers=OWN)


def result_of(answer: httpx.Response) -> str:
    return answer.headers.get("location", "").partition("told=")[2]


async def another(antar: SmallHub, person: httpx.AsyncClient) -> httpx.AsyncClient:
    """Return a client of a second logged-in person."""
    await users.add_user(antar.hub.database, "budi", PASSWORD)
    client = httpx.AsyncClient(transport=person._transport, base_url="http://antar.test")
    await log_in(client, "budi")
    return client


async def test_what_was_written_is_saved_and_sent_as_it_is(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    form["body"] = form["body"].replace("batuk", "demam")
    assert result_of(await save(person, address, form)) == "saved"
    await antar.work()
    sent = form["body"].replace("\r\n", "\n").encode()
    assert (antar.ministry.calls[-1].body, antar.ministry.calls[-1].path) == (sent, "/Visit")
    assert await antar.status("Visit", "V1") == "sent"


async def test_hidden_identifiers_are_sent_in_full_where_nobody_touched_them(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, f"{NIK} anak dari {OTHER}, batuk")
    form = await begin(person, address)
    assert NIK not in form["body"]
    form["body"] = form["body"].replace("batuk", "demam")
    await save(person, address, form)
    await antar.work()
    assert antar.ministry.posts[-1]["note"] == f"{NIK} anak dari {OTHER}, demam"


async def test_a_hidden_identifier_of_a_marked_place_is_sent_in_full(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, "batuk", passport="X1234567")
    form = await begin(person, address)
    assert '"passport": "••••4567"' in form["body"]
    form["body"] = form["body"].replace("batuk", "demam")
    await save(person, address, form)
    await antar.work()
    assert (antar.ministry.posts[-1]["note"], antar.ministry.posts[-1]["passport"]) == ("demam", "X1234567")


async def test_a_hidden_identifier_that_was_tampered_with_is_not_sent(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, NIK)
    form = await begin(person, address)
    form["body"] = form["body"].replace("••0001", "0001")
    answer = await save(person, address, form)
    assert answer.status_code == 422
    assert "tidak dikenal; tulis nomor lengkapnya" in answer.text
    assert (await antar.row("Visit", "V1")).body is None


async def test_a_new_identifier_is_written_in_full(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar, NIK)
    form = await begin(person, address)
    form["body"] = re.sub("•+0001", OTHER, form["body"])
    assert result_of(await save(person, address, form)) == "saved"
    await antar.work()
    assert antar.ministry.posts[-1]["note"] == OTHER


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{\n  "a": 1,,\n}', "Baris 2, kolom"),
        ("", "bukan JSON yang sah"),
        ("NaN", "bukan JSON yang sah"),
        ("[1]", "harus tetap sejenis"),
        ('{"a": 1, "a": 2}', "tertulis dua kali"),
        ('{"a": "' + "x" * 100_000 + '"}', "lebih dari 100.000 karakter"),
    ],
)
async def test_what_cannot_be_sent_is_told_while_it_is_typed_and_not_saved(
    person: httpx.AsyncClient, antar: SmallHub, body: str, words: str
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address) | {"body": body}
    assert words in (await save(person, f"{address}/periksa", form)).text
    assert (await save(person, address, form)).status_code == 422
    assert (await antar.row("Visit", "V1")).body is None


async def test_what_the_upstream_would_refuse_is_told_with_its_place(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    antar.ministry.problems = [Problem("$.status", "is missing")]
    page = (await save(person, f"{address}/periksa", await begin(person, address))).text
    assert "<code>$.status</code> is missing" in page


async def test_the_last_refusal_stands_beside_what_is_found_here(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, message="unit is unknown")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    page = (await person.get(f"{VISITS}/{(await antar.row('Visit', 'V1')).id}/ubah")).text
    assert "Bentuk JSON sah" in page
    assert "Bentuk JSON sah; Kementerian terakhir menolak: unit is unknown" in page


async def test_the_difference_to_the_payload_is_shown(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    form["body"] = form["body"].replace("batuk", "demam")
    page = html.unescape((await save(person, f"{address}/periksa", form)).text)
    assert 'class="d-gone"' in page
    assert '"note": "demam"' in page


async def test_nothing_is_saved_without_a_reason_and_nothing_typed_is_lost(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address) | {"body": '{"ketikan": "saya"}', "reason": " "}
    answer = await save(person, address, form)
    assert (answer.status_code, form_of(answer.text)["body"]) == (422, '{"ketikan": "saya"}')


async def test_the_second_editor_is_told_who_was_first_and_loses_nothing(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    second = await another(antar, person)
    mine, theirs = await begin(second, address), await begin(person, address)
    await save(person, address, theirs | {"body": theirs["body"].replace("batuk", "dari sari")})
    hint = await save(second, f"{address}/periksa", mine)
    answer = await save(second, address, mine | {"body": mine["body"].replace("batuk", "dari budi")})
    assert "sari lebih dahulu menyimpan" in hint.text
    assert "sari lebih dahulu menyimpan" in answer.text
    assert (answer.status_code, "dari budi" in form_of(answer.text)["body"]) == (409, True)
    assert re.search(r"d-gone.*dari sari", answer.text)
    await second.aclose()


async def test_the_second_editor_may_save_over_it_expressly(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    second = await another(antar, person)
    mine = await begin(second, address)
    await save(person, address, await begin(person, address))
    refused_page = await save(second, address, mine | {"body": mine["body"].replace("batuk", "dari budi")})
    assert "Simpan di atasnya" in refused_page.text
    assert result_of(await save(second, address, form_of(refused_page.text))) == "saved"
    await antar.work()
    assert antar.ministry.posts[-1]["note"] == "dari budi"
    await second.aclose()


async def test_the_second_editor_may_save_over_what_has_arrived_and_changes_it_there(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    second = await another(antar, person)
    mine, theirs = await begin(second, address), await begin(person, address)
    await save(person, address, theirs | {"body": theirs["body"].replace("batuk", "dari sari")})
    await antar.work()
    answer = await save(second, address, mine | {"body": mine["body"].replace("batuk", "dari budi")})
    assert "sari lebih dahulu menyimpan" in answer.text
    assert "diterima sistem tujuan sesudah Anda membuka" in answer.text
    assert "sudah disesuaikan menjadi pembaruan" in answer.text
    form = form_of(answer.text)
    assert (orjson.loads(form["body"])["id"], orjson.loads(form["body"])["note"]) == ("id-V1", "dari budi")
    assert result_of(await save(second, address, form)) == "saved"
    await antar.work()
    assert antar.ministry.puts == [orjson.loads(form["body"])]
    assert await antar.status("Visit", "V1") == "sent"
    await second.aclose()


async def test_what_is_checked_and_compared_is_what_goes_out(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    await person.post(address.replace("/ubah", "/resend"), headers=OWN)
    await antar.work()
    page = html.unescape((await save(person, f"{address}/periksa", form)).text)
    assert "isi Anda kini akan dikirim sebagai pembaruan" in page
    assert 'class="d-gone"' not in page


async def test_a_double_click_saves_once_even_when_it_is_sent_meanwhile(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    first = result_of(await save(person, address, form))
    queued = result_of(await save(person, address, form))
    await antar.work()
    assert (first, queued, result_of(await save(person, address, form))) == ("saved", "saved_before", "saved_before")
    assert len(antar.ministry.posts) == 2


async def test_what_is_being_sent_waits_and_keeps_what_was_typed(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address) | {"body": '{"ketikan": "saya"}'}
    await person.post(address.replace("/ubah", "/resend"), headers=OWN)
    await claim(antar.hub.database, antar.channel, 1, "worker")
    answer = await save(person, address, form)
    assert "Sedang dikirim; tunggu sebentar" in answer.text
    assert form_of(answer.text)["body"] == '{"ketikan": "saya"}'


async def test_a_record_that_changed_meanwhile_is_told_with_the_difference(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    await antar.hand_in("Visit", {"id": "V1", "note": "kabar baru"})
    answer = await save(person, address, form)
    assert (answer.status_code, "Data asal berubah pada" in answer.text) == (409, True)
    assert re.search(r"d-gone.*kabar baru", answer.text)
    assert result_of(await save(person, address, form_of(answer.text))) == "saved"


async def test_what_arrived_meanwhile_is_told_before_it_is_changed_there(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    await person.post(address.replace("/ubah", "/resend"), headers=OWN)
    await antar.work()
    answer = await save(person, address, form)
    assert (answer.status_code, "diterima sistem tujuan sesudah Anda membuka" in answer.text) == (409, True)
    assert '"id": "id-V1"' in form_of(answer.text)["body"]
    assert result_of(await save(person, address, form_of(answer.text))) == "saved"


async def test_a_reloaded_configuration_is_told_before_anything_is_saved(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    catalog = antar.hub.settings.config_dir / "resources.yaml"
    catalog.write_text(catalog.read_text("utf-8").replace("kind: Visit", "kind: Kunjungan"), "utf-8")
    antar.hub.reload()
    answer = await save(person, address, form)
    assert (answer.status_code, "Aturan pengiriman dimuat ulang" in answer.text) == (409, True)
    assert result_of(await save(person, address, form_of(answer.text))) == "saved"


async def test_an_edit_cannot_change_where_it_is_sent(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.work()
    address = f"{VISITS}/{(await antar.row('Visit', 'V1')).id}/ubah"
    form = await begin(person, address)
    elsewhere = {"identifier": "V1", "id": "id-V2", "method": "DELETE", "path": "/Visit/id-V2"}
    await save(person, address, form | {"body": orjson.dumps(elsewhere).decode(), "path": "/x", "method": "DELETE"})
    await antar.work()
    assert [(call.method, call.path) for call in antar.ministry.calls][-1] == ("PUT", "/Visit/id-V1")


async def test_a_type_that_is_only_looked_up_has_nothing_to_edit(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": "9999999999999999"})
    await antar.work()
    answer = await person.get(f"/integrasi/ministry/Person/{(await antar.row('Person', 'P1')).id}/ubah")
    assert "Jenis ini hanya dicari" in answer.text


async def test_a_payload_that_cannot_be_made_can_be_written(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    catalog = antar.hub.settings.config_dir / "resources.yaml"
    broken = "kind: \"{{ 1 / ((record.note or '') | length - 5) }}\""
    catalog.write_text(catalog.read_text("utf-8").replace("kind: Visit", broken), "utf-8")
    antar.hub.reload()
    page = (await person.get(address)).text
    assert "tidak dapat disusun dari data asal" in page
    assert result_of(await save(person, address, form_of(page) | {"body": '{"identifier": "V1"}'})) == "saved"


@pytest.mark.parametrize("seen", ["", "1", "x.y.z", f"{10**400}.1.a", "1.0." + "a" * 9_000])
async def test_a_form_that_nobody_was_given_is_a_conflict(
    person: httpx.AsyncClient, antar: SmallHub, seen: str
) -> None:
    address = await failed_visit(antar)
    answer = await save(person, address, await begin(person, address) | {"seen": seen})
    assert answer.status_code == 409


async def test_the_next_editor_goes_on_from_the_last_edit(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    await save(person, address, form | {"body": form["body"].replace("batuk", "dari sari")})
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.work()
    page = (await person.get(address)).text
    assert "dari sari" in form_of(page)["body"]
    assert "sari mengubah isi ini pada" in page


async def test_an_edit_that_created_something_goes_on_as_a_change_of_it(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar)
    form = await begin(person, address)
    await save(person, address, form | {"body": form["body"].replace("batuk", "dari sari")})
    await antar.work()
    body = orjson.loads((await begin(person, address))["body"])
    assert (body["id"], body["note"]) == ("id-V1", "dari sari")


async def test_an_edit_is_noted_with_its_reason(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    await save(person, address, await begin(person, address))
    rows = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit"))
    assert [tuple(row) for row in rows] == [("sari", "edit", "salah kode")]


async def test_a_record_too_long_for_the_editor_is_told_and_left_as_it_is(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await failed_visit(antar, "x" * 100_001)
    page = await person.get(address)
    assert "terlalu panjang untuk diubah di sini" in page.text
    answer = await save(person, address, form_of(page.text))
    assert (answer.status_code, "terlalu panjang untuk diubah di sini" in answer.text) == (422, True)
    assert (await antar.row("Visit", "V1")).body is None


async def test_the_editor_repeats_the_refusal_and_names_its_line(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.problems = [Problem("$.note", "is wrong")]
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.work()
    antar.ministry.problems = []
    page = (await person.get(f"{VISITS}/{(await antar.row('Visit', 'V1')).id}/ubah")).text
    body = form_of(page)["body"].split("\r\n")
    line = next(n for n, text_ in enumerate(body, 1) if '"note"' in text_)
    assert f'data-line="{line}" data-refused>Baris {line} yang ditolak' in page
    assert "Bentuk JSON sah; Kementerian terakhir menolak: " in page
    assert "tidak ada masalah" not in page


async def test_a_script_gets_the_editor_for_its_drawer(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await failed_visit(antar)
    part = (await person.get(address, headers={"HX-Request": "true"})).text
    assert "<html" not in part
    assert "Editor lebar" in part
    form = form_of(part) | {"reason": ""}
    answer = await person.post(address, data=form, headers={**OWN, "HX-Request": "true"})
    assert (answer.status_code, "<html" in answer.text, "Alasan wajib diisi" in answer.text) == (422, False, True)
