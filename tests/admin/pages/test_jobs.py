"""Pages of bulk actions: choose, confirm with a reason, watch, pause, cancel."""

from __future__ import annotations

import re

import httpx
import orjson
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.facilities.facilities import add_facility
from engine.jobs import runner
from engine.jobs.jobs import Action, draft
from engine.jobs.runner import run_jobs
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}
BULK = "/integrasi/ministry/Visit/massal"


async def permit(antar: SmallHub, *permissions: str) -> None:
    """Set the permissions of the person's role."""
    query = text("UPDATE roles SET permissions = :permissions")
    parameters = {"permissions": orjson.dumps(permissions).decode()}
    await antar.hub.database.write_models(lambda tx: tx.execute(query, parameters))


async def fail(antar: SmallHub, n: int) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="1", message="no") for _ in range(n)]
    await antar.hand_in("Visit", *({"id": f"V{i}"} for i in range(n)))
    await antar.work()


async def choose(person: httpx.AsyncClient, **fields: object) -> str:
    """Draft a job and return its address."""
    answer = await person.post(BULK, data={"action": "resend", "all": "yes", **fields}, headers=OWN)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def tell(person: httpx.AsyncClient, address: str, **fields: str) -> None:
    assert (await person.post(address, data=fields, headers=OWN)).status_code == 303


async def work(antar: SmallHub, batches: int = 9) -> None:
    answers = iter([False] * batches)
    await run_jobs(antar.hub.database, lambda channel: None, lambda: next(answers, True))


async def test_the_confirmation_names_filter_count_environment_and_effect(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, 3)
    page = (await person.get(await choose(person, status="failed", cause="rejected:1:no"))).text
    for words in (
        "Kirim ulang 3 kiriman?",
        "Tidak Terkirim",
        "Ditolak oleh Kementerian",
        "DEMO",
        "Klinik Contoh",
        "Alasan",
        "setelah kiriman hari ini",
    ):
        assert words in page
    assert await antar.status("Visit", "V0") == "failed"


async def test_a_confirmed_job_runs_and_shows_what_became_of_each(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 3)
    address = await choose(person)
    await tell(person, address, how="begin", reason="sudah diperbaiki")
    await work(antar)
    page = (await person.get(address)).text
    assert page.count(">dikerjakan</td>") == 3
    assert "3 dikirim ulang, 0 dilewati, 0 belum." in page
    assert "sudah diperbaiki" in page
    assert "sari" in page
    assert await antar.status("Visit", "V2") == "queued"


async def test_without_a_reason_nothing_begins(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 1)
    address = await choose(person)
    answer = await person.post(address, data={"how": "begin", "reason": "  "}, headers=OWN)
    await work(antar)
    assert answer.status_code == 400
    assert await antar.status("Visit", "V0") == "failed"


async def test_ticked_deliveries_are_taken_alone(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 3)
    ids = [str((await antar.row("Visit", key)).id) for key in ("V0", "V2")]
    address = await choose(person, action="ignore", all="", ids=[*ids, "x", "9" * 40])
    assert "Abaikan 2 kiriman?" in (await person.get(address)).text


async def test_a_choice_that_matches_nothing_says_so(person: httpx.AsyncClient) -> None:
    page = (await person.get(await choose(person))).text
    assert "Tidak ada kiriman yang cocok lagi" in page
    assert 'value="begin"' not in page


async def test_a_running_job_can_be_paused_and_goes_on_asking_only_while_it_runs(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BATCH_DELIVERIES", 1)
    await fail(antar, 3)
    address = await choose(person)
    await tell(person, address, how="begin", reason="x")
    await work(antar, batches=1)
    running = (await person.get(f"{address}/kemajuan")).text
    await tell(person, address, how="pause")
    paused = (await person.get(f"{address}/kemajuan")).text
    assert ("hx-trigger" in running, "hx-trigger" in paused) == (True, False)
    assert "1 dikirim ulang, 0 dilewati, 2 belum." in paused
    assert "Lanjutkan" in paused


async def test_a_cancelled_job_keeps_what_was_done(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 2)
    address = await choose(person)
    await tell(person, address, how="begin", reason="x")
    await tell(person, address, how="cancel")
    await tell(person, address, how="resume")
    page = (await person.get(address)).text
    assert "Dibatalkan" in page
    assert page.count(">belum</td>") == 2


async def test_a_person_who_thinks_better_of_it_is_back_at_the_list(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 1)
    address = await choose(person)
    answer = await person.post(address, data={"how": "discard"}, headers=OWN)
    assert answer.headers["location"] == "/integrasi/ministry/Visit"
    assert (await person.get(address)).status_code == 404


async def test_skipped_items_can_be_seen_alone(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 3)
    address = await choose(person)
    await tell(person, address, how="begin", reason="x")
    sent = text("UPDATE deliveries SET status = 'sent' WHERE key = 'V1'")
    await antar.hub.database.write_models(lambda tx: tx.execute(sent))
    await work(antar)
    page = (await person.get(address, params={"only": "skipped"})).text
    assert re.findall(r">(V\d)</a>", page) == ["V1"]
    assert "sudah terkirim, dilewati" in page


async def test_a_long_list_of_items_has_pages(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 60)
    address = await choose(person)
    await tell(person, address, how="begin", reason="x")
    first, second = [(await person.get(address, params={"after": after})).text for after in (0, 50)]
    assert "?after=50" in first
    assert re.findall(r">(V\d+)</a>", second) == [f"V{i}" for i in range(50, 60)]


async def test_jobs_are_listed_but_drafts_are_not(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 1)
    await choose(person)
    begun = await choose(person)
    await tell(person, begun, how="begin", reason="alasan yang jelas")
    page = (await person.get("/pekerjaan")).text
    assert re.findall(r'href="(/pekerjaan/\d+)"', page) == [begun]
    assert "alasan yang jelas" in page


async def test_another_clinics_job_is_not_there(person: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    confine, here = text("UPDATE users SET facility_id = :facility"), {"facility": antar.facility.id}
    await antar.hub.database.write_models(lambda tx: tx.execute(confine, here))
    id_ = await draft(antar.hub.database, other.id, "ministry", Action.RESEND, [], chosen={}, actor="budi")
    for suffix in ("", "/kemajuan"):
        assert (await person.get(f"/pekerjaan/{id_}{suffix}")).status_code == 404
    answer = await person.post(f"/pekerjaan/{id_}", data={"how": "cancel"}, headers=OWN)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "fields", [{"action": "explode"}, {"action": "regenerate"}, {"action": "resend", "all": "yes", "date_from": "x"}]
)
async def test_what_nobody_can_mean_is_refused(person: httpx.AsyncClient, fields: dict[str, str]) -> None:
    assert (await person.post(BULK, data=fields, headers=OWN)).status_code == 400


async def test_a_hostile_reason_is_shown_as_text(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await fail(antar, 1)
    address = await choose(person)
    await tell(person, address, how="begin", reason="<script>alert(1)</script>\x00")
    for page in (address, "/pekerjaan"):
        assert "<script>alert" not in (await person.get(page)).text


async def test_jobs_need_their_own_permission(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await permit(antar, "satusehat", "resend")
    for address in ("/pekerjaan", "/pekerjaan/1", "/pekerjaan/1/kemajuan"):
        assert (await person.get(address)).status_code == 403


async def begun(person: httpx.AsyncClient, antar: SmallHub, n: int) -> str:
    """Return the address of a job that has resent that many deliveries, none of which is settled yet."""
    await fail(antar, n)
    address = await choose(person)
    await tell(person, address, how="begin", reason="x")
    await work(antar)
    return address


def words(page: str) -> str:
    match = re.search(r'class="job-words[^>]*>(.*?)</p>', page, re.DOTALL)
    return " ".join(match[1].split()) if match else ""


async def test_a_job_is_not_called_done_before_its_deliveries_have_an_outcome(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await begun(person, antar, 2)
    page = (await person.get(address)).text
    assert words(page) == "Menunggu jawaban: 0 terkirim, 0 gagal lagi, 2 sedang dikirim."
    assert "j-done" not in page
    assert 'hx-trigger="every 2s"' in page


async def test_a_job_whose_deliveries_failed_again_says_so_with_the_commonest_cause(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await begun(person, antar, 3)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="1", message="no") for _ in range(2)]
    await antar.work()
    part = (await person.get(f"{address}/kemajuan")).text
    assert words(part) == "Selesai: 1 terkirim, 2 gagal lagi. Terbanyak (2): Ditolak oleh Kementerian."
    assert "j-failed" in part
    assert 'class="s-failed"' in part
    assert "hx-trigger" not in part
    assert '<span class="note">Ditolak oleh Kementerian</span>' in part
    assert "1 terkirim, 2 gagal lagi" in (await person.get("/pekerjaan")).text


async def test_a_job_all_of_whose_deliveries_arrived_is_done(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await begun(person, antar, 2)
    await antar.work()
    page = (await person.get(address)).text
    assert words(page) == "Selesai: 2 terkirim, 0 gagal lagi."
    assert "status j-done" in page


async def test_a_job_some_of_whose_deliveries_wait_asks_more_seldom(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await begun(person, antar, 2)
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await antar.work()
    page = (await person.get(address)).text
    assert words(page) == "Menunggu hasil: 1 terkirim, 0 gagal lagi, 1 menunggu."
    assert 'hx-trigger="every 15s"' in page


async def test_what_was_sent_again_since_is_told_apart(person: httpx.AsyncClient, antar: SmallHub) -> None:
    address = await begun(person, antar, 2)
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * 2
    await antar.work()
    id_ = (await antar.row("Visit", "V0")).id
    await person.post(f"/integrasi/ministry/Visit/{id_}/resend", headers=OWN)
    await antar.work()
    page = (await person.get(address)).text
    assert words(page).startswith("Selesai: 0 terkirim, 1 gagal lagi, 1 ditangani lagi sesudahnya.")


async def test_a_cancelled_job_counts_what_it_left(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BATCH_DELIVERIES", 1)
    await fail(antar, 3)
    address = await choose(person)
    await tell(person, address, how="begin", reason="x")
    await work(antar, batches=1)
    await tell(person, address, how="cancel")
    await antar.work()
    assert words((await person.get(address)).text) == "Dibatalkan: 1 terkirim, 0 gagal lagi, 2 dibatalkan."


async def test_each_job_of_the_list_speaks_the_words_of_its_own_upstream(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await fail(antar, 1)
    await tell(person, await choose(person, cause="rejected:1:no"), how="begin", reason="x")
    catalog = antar.hub.settings.config_dir / "resources.yaml"
    other = "upstreams:\n  other: {label: Lain, adapter: scripted, credentials: {secret: Rahasia}}\n"
    catalog.write_text(catalog.read_text("utf-8").replace("upstreams:\n", other), "utf-8")
    antar.hub.reload()
    assert next(iter(antar.hub.catalog.upstreams)) == "other"
    page = (await person.get("/pekerjaan")).text
    assert "Ditolak oleh Kementerian" in page
    assert "Ditolak oleh Lain" not in page
