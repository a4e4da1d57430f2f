"""Upstreams of one area: choices of type and status, figures that add up and filter, the overview, and tabs."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.base import Verdict
from admin.pages.deliveries.job_tabs import CHOICES
from engine.delivery.status import Status
from engine.outbox.resend import ignore
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import AT, CATALOG, SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio

VISITS = "/integrasi/ministry/Visit"
DAY = AT[:10]


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a hub whose ministry belongs to an area."""
    catalog = CATALOG.replace("    adapter: scripted\n", "    adapter: scripted\n    area: Bidang Uji\n")
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, catalog)
    yield opened
    await opened.hub.close()


async def figures(person: httpx.AsyncClient, address: str = VISITS) -> dict[str, str]:
    """Return the figures Total, Menunggu, Berhasil and Gagal of the page."""
    page = (await person.get(address)).text
    return dict(re.findall(r"<span>(Total|Menunggu|Berhasil|Gagal)</span><strong>([^<]+)</strong>", page))


async def a_mixed_day(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V2"}, {"id": "V3"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V4", "at": "2026-01-05"})


async def test_the_first_job_of_today_is_shown_where_none_is_chosen(person: httpx.AsyncClient) -> None:
    assert (await person.get("/monitoring")).headers["location"] == "/monitoring/ministry"
    answer = await person.get("/monitoring/ministry")
    assert answer.headers["location"] == f"/integrasi/ministry/Person?date_from={DAY}&date_to={DAY}"


async def test_another_job_keeps_the_filter(person: httpx.AsyncClient) -> None:
    filters = {"jenis": "Visit", "status": "failed", "text": "RM-1", "size": "50"}
    answer = await person.get("/monitoring/ministry", params=filters)
    assert answer.headers["location"] == f"{VISITS}?text=RM-1&status=failed&size=50"


async def test_a_date_that_was_written_becomes_the_filter(person: httpx.AsyncClient) -> None:
    answer = await person.get("/monitoring/ministry", params={"jenis": "Visit", "date": "05/01/2026"})
    assert answer.headers["location"] == f"{VISITS}?date_from=2026-01-05&date_to=2026-01-05"
    assert (await person.get("/monitoring/ministry?jenis=Visit&date=")).headers["location"] == f"{VISITS}?"


async def test_the_only_reset_leads_to_today(person: httpx.AsyncClient) -> None:
    page = html.unescape((await person.get(VISITS, params={"status": "failed", "date_from": "2026-01-01"})).text)
    [reset] = re.findall(r'href="([^"]+)"><i class="ti ti-filter-off me-1', page)
    assert page.count("ti-filter-off me-1") == 1
    assert (await person.get(reset)).headers["location"] == f"{VISITS}?date_from={DAY}&date_to={DAY}"


async def test_the_figures_follow_the_filter(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    assert await figures(person) == {"Total": "4", "Menunggu": "1", "Berhasil": "2", "Gagal": "1"}
    january = f"{VISITS}?date_from=2026-01-01&date_to=2026-01-31"
    assert await figures(person, january) == {"Total": "1", "Menunggu": "1", "Berhasil": "0", "Gagal": "0"}
    assert (await figures(person, f"{VISITS}?text=V2"))["Total"] == "1"


async def test_the_figures_add_up_and_name_what_was_set_aside(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    await ignore(antar.hub.database, antar.facility.id, [(await antar.row("Visit", "V1")).id], "sari", reason="uji")
    for address in (VISITS, f"{VISITS}?text=V1"):
        shown = {name: int(n) for name, n in (await figures(person, address)).items()}
        assert shown["Total"] == shown["Menunggu"] + shown["Berhasil"] + shown["Gagal"], address
        assert shown["Gagal"] == 1
        assert "termasuk 1 Diabaikan" in (await person.get(address)).text


def test_every_status_is_in_one_choice() -> None:
    chosen = [status for statuses in CHOICES.values() for status in statuses]
    assert sorted(chosen) == sorted(Status)


async def test_a_figure_is_a_filter_and_so_is_a_choice(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    page = html.unescape((await person.get(f"{VISITS}?date_from=2026-03-01")).text)
    [address] = re.findall(r'f-failed" id="angka-failed" href="([^"]+)"', page)
    assert address == "?date_from=2026-03-01&status=unsure&status=failed&status=ignored"
    assert f'href="{address}" >Tidak Terkirim</a>' in page
    assert await figures(person, f"{VISITS}?status=failed") == await figures(person)
    chosen = html.unescape((await person.get(f"{VISITS}{address}")).text)
    assert f'href="{address}" aria-current="true">Tidak Terkirim</a>' in chosen


async def test_a_finer_status_is_named_where_no_choice_is_it(person: httpx.AsyncClient) -> None:
    page = (await person.get(f"{VISITS}?status=retrying")).text
    assert re.search(r'<summary class="btn btn-sm btn-secondary">Akan Dicoba Lagi<', page)


async def test_the_types_tell_their_failures(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    assert "Kunjungan · 1 gagal</option>" in (await person.get("/integrasi/ministry/Person")).text
    january = {"date_from": "2026-01-01", "date_to": "2026-01-31"}
    assert ">Kunjungan</option>" in (await person.get("/integrasi/ministry/Person", params=january)).text


async def test_the_figures_are_live_and_say_when_they_were_read(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    assert await figures(person, f"{VISITS}/angka?status=sent") == await figures(person)
    assert re.search(r"diperbarui \d\d\.\d\d\.\d\d<", (await person.get(f"{VISITS}/angka")).text)


async def test_the_overview_shows_the_day_of_each_type(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    page = html.unescape((await person.get("/bpjs")).text)
    numbers = re.compile(r'id="j-(\w+)-(\w+)" href="[^"]*">(\d+)<')
    assert numbers.findall(page) == [("Visit", "sent", "2"), ("Visit", "failed", "1")]
    assert f'href="{VISITS}?date_from={DAY}&date_to={DAY}&status=sent"' in page
    january = (await person.get("/bpjs/ministry", params={"date": "05/01/2026"})).text
    assert numbers.findall(january) == [("Visit", "waiting", "1")]
    assert "<html" not in (await person.get("/bpjs/kartu")).text


async def test_the_overview_draws_the_hours_of_a_day_and_the_days_of_a_period(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await a_mixed_day(antar)
    row = r'scope="row">([^<]+)</th><td>{}</td><td>{}</td><td>{}</td>'
    page = (await person.get("/bpjs")).text
    assert "<caption>Kunjungan per jam</caption>" in page
    assert re.findall(row.format(2, 1, 0), page) == ["08.00"]
    assert len(re.findall(row.format(r"\d", r"\d", r"\d"), page)) == 24 * len(antar.hub.catalog.specs)
    week = (await person.get("/bpjs", params={"date_from": "2026-03-08", "date_to": "2026-03-12"})).text
    assert "<caption>Kunjungan per hari</caption>" in week
    assert re.findall(row.format(2, 1, 0), week) == ["10/03/2026"]
    assert (await person.get("/bpjs", params={"date_from": "0001-01-01", "date_to": "0001-01-01"})).status_code == 200
    assert (await person.get("/bpjs", params={"date_to": "0001-01-01"})).status_code == 200


async def test_what_takes_back_comes_last(antar: SmallHub, person: httpx.AsyncClient) -> None:
    specs = antar.hub.catalog.specs
    person_need = replace(specs["Visit"].needs[0], undo=True)
    takes_back = replace(specs["Visit"], needs=(person_need,))
    without = {name: spec for name, spec in specs.items() if name != "Visit"}
    antar.hub.catalog = replace(antar.hub.catalog, specs={"Visit": takes_back, **without})
    page = (await person.get("/bpjs")).text
    assert re.findall(r'<h3.*?id="j-(\w+)"', page)[-1] == "Visit"
    assert "Pembatalan dan penghapusan" in page


async def test_the_area_is_one_group_of_the_menu(person: httpx.AsyncClient) -> None:
    page = (await person.get(VISITS)).text
    assert ">Bidang Uji</span>" in page
    assert ">Kementerian</span></p>" not in page
    assert re.findall(r'sidebar-link" href="(/bpjs|/monitoring|/referensi)([^"]*)"', page) == [
        ("/bpjs", ""),
        ("/monitoring", ""),
        ("/referensi", "/ministry"),
    ]
    lists = (await person.get("/referensi/ministry")).text
    assert '<h1 class="page-title">Dokter</h1>' in lists
    assert 'href="/referensi/ministry" aria-current="page"' in lists


async def test_an_upstream_that_stands_alone_has_no_monitoring(person: httpx.AsyncClient, antar: SmallHub) -> None:
    catalog = antar.hub.catalog
    alone = {name: replace(spec, area="") for name, spec in catalog.upstreams.items()}
    antar.hub.catalog = replace(catalog, upstreams=alone)
    for address in ("/monitoring", "/monitoring/ministry", "/bpjs", "/bpjs/ministry", f"{VISITS}/angka"):
        assert (await person.get(address)).status_code == 404, address
