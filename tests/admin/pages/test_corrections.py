"""Page of a correction: the error, the changes that a resend would make, and resending all affected deliveries."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from engine.jobs.runner import run_jobs
from tests.engine.corrections.test_corrections import configure, new_search, send
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

HOME = "/integrasi/ministry"
PAGE = f"{HOME}/Visit/koreksi/remark"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def two_affected(antar: SmallHub) -> None:
    await send(antar, "V1", "V2")
    configure(antar)
    await new_search(antar).tick()


async def resend_all(person: httpx.AsyncClient, antar: SmallHub) -> httpx.Response:
    drafted = await person.post(f"{PAGE}/kirim-ulang", headers=SAME_SITE)
    job = drafted.headers["location"]
    begin = {"how": "begin", "reason": "catatan hilang"}
    begun = await person.post(job, data=begin, headers=SAME_SITE)
    assert (drafted.status_code, begun.status_code) == (303, 303)
    return await person.get(job)


@pytest.mark.usefixtures("two_affected")
async def test_the_dashboard_says_what_is_wrong_and_leads_to_it(person: httpx.AsyncClient) -> None:
    page = (await person.get(HOME)).text
    assert "Kunjungan: Catatan hilang" in page
    assert "2 kiriman perlu dikirim ulang" in page
    assert f'href="{PAGE}"' in page


@pytest.mark.usefixtures("two_affected")
async def test_the_page_lists_what_is_affected_and_shows_what_would_change(person: httpx.AsyncClient) -> None:
    page = (await person.get(PAGE)).text
    assert "Catatan terkirim di tempat yang keliru." in page
    assert "2 kiriman di Kementerian masih berisi yang lama." in page
    assert "&#34;note&#34;: &#34;x&#34;" in page  # gone
    assert "&#34;remark&#34;: &#34;x&#34;" in page  # new
    assert "Yang akan berubah pada V1" in page


@pytest.mark.usefixtures("two_affected")
async def test_another_delivery_can_be_looked_at(person: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await antar.row("Visit", "V2")).id
    assert "Yang akan berubah pada V2" in (await person.get(f"{PAGE}?lihat={id_}")).text


@pytest.mark.usefixtures("two_affected")
async def test_of_a_pruned_body_only_the_new_content_is_shown(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE attempts SET request = NULL")))
    page = (await person.get(PAGE)).text
    assert "sudah dihapus karena masa simpannya lewat" in page
    assert "&#34;remark&#34;: &#34;x&#34;" in page


@pytest.mark.usefixtures("two_affected")
async def test_it_is_said_in_english_too(person: httpx.AsyncClient) -> None:
    person.cookies.set("antar_language", "en")
    assert "Notes were sent in the wrong place." in (await person.get(PAGE)).text


@pytest.mark.usefixtures("two_affected")
async def test_all_is_sent_again_by_a_job_with_a_reason_and_disappears(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    job = await resend_all(person, antar)
    assert "catatan hilang" in job.text
    assert "Koreksi" in job.text
    assert "Sedang dikirim ulang: 0 dari 2." in (await person.get(PAGE)).text
    await run_jobs(antar.hub.database, antar.rung.add, lambda: False)
    await antar.work()
    assert [put["remark"] for put in antar.ministry.puts] == ["x", "x"]
    assert "Tidak ada kiriman yang masih berisi yang lama." in (await person.get(PAGE)).text
    assert "Perlu tindakan" not in (await person.get(HOME)).text


@pytest.mark.usefixtures("two_affected")
async def test_a_draft_that_is_not_wanted_leads_back_to_the_page(person: httpx.AsyncClient) -> None:
    job = (await person.post(f"{PAGE}/kirim-ulang", headers=SAME_SITE)).headers["location"]
    discarded = await person.post(job, data={"how": "discard"}, headers=SAME_SITE)
    assert discarded.headers["location"] == PAGE


@pytest.mark.usefixtures("two_affected")
async def test_who_may_not_act_on_many_sees_it_and_cannot_send(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE roles SET permissions = '[\"satusehat\"]'"))
    )
    page = (await person.get(PAGE)).text
    assert "Tindakan massal perlu izin" in page
    assert "&#34;remark&#34;" not in page
    assert (await person.post(f"{PAGE}/kirim-ulang", headers=SAME_SITE)).status_code == 403


async def test_what_no_entry_declares_has_no_page(person: httpx.AsyncClient) -> None:
    assert (await person.get(PAGE)).status_code == 404
