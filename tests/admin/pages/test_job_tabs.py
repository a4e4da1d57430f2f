"""Upstreams of one area: choice of the type, figures that follow the filter and link to it, and tabs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.base import Verdict
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import AT, CATALOG, SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio

VISITS = "/integrasi/ministry/Visit"


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
    answer = await person.get("/monitoring/ministry")
    day = AT[:10]
    assert answer.headers["location"] == f"/integrasi/ministry/Person?date_from={day}&date_to={day}"


async def test_another_job_keeps_the_filter(person: httpx.AsyncClient) -> None:
    answer = await person.get("/monitoring/ministry", params={"jenis": "Visit", "status": "failed", "text": "RM-1"})
    assert answer.headers["location"] == f"{VISITS}?text=RM-1&status=failed"


async def test_the_figures_follow_the_filter(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    assert await figures(person) == {"Total": "4", "Menunggu": "1", "Berhasil": "2", "Gagal": "1"}
    january = f"{VISITS}?date_from=2026-01-01&date_to=2026-01-31"
    assert await figures(person, january) == {"Total": "1", "Menunggu": "1", "Berhasil": "0", "Gagal": "0"}
    assert (await figures(person, f"{VISITS}?text=V2"))["Total"] == "1"


async def test_a_figure_is_a_filter(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await a_mixed_day(antar)
    page = (await person.get(f"{VISITS}?date_from=2026-03-01")).text
    [address] = re.findall(r'f-failed" href="([^"]+)"', page)
    assert address == "?date_from=2026-03-01&amp;status=failed"
    assert await figures(person, f"{VISITS}?status=failed") == await figures(person)


async def test_the_area_is_one_group_of_the_menu(person: httpx.AsyncClient) -> None:
    page = (await person.get(VISITS)).text
    assert ">Bidang Uji</span>" in page
    assert ">Kementerian</span></p>" not in page
    assert 'href="/referensi/doctors"' in page
    assert 'href="/monitoring/ministry"' in (await person.get("/referensi/doctors")).text


async def test_an_upstream_that_stands_alone_has_no_monitoring(person: httpx.AsyncClient, antar: SmallHub) -> None:
    catalog = antar.hub.catalog
    alone = {name: replace(spec, area="") for name, spec in catalog.upstreams.items()}
    antar.hub.catalog = replace(catalog, upstreams=alone)
    assert (await person.get("/monitoring/ministry")).status_code == 404
