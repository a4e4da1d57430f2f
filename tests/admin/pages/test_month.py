"""Sheet of a month: what was settled per type and day, on a page and as CSV."""

from __future__ import annotations

import httpx
import pytest

from adapters.base import Verdict
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

MONTH = "/laporan/2026-03"


async def test_the_sheet_holds_each_type_with_its_days_and_sum(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.clock.pass_(-24 * 3600)
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    antar.clock.pass_(24 * 3600)
    await antar.hand_in("Visit", {"id": "V3"}, {"id": "V4", "person": "P9"})
    await antar.work()
    page = (await person.get(MONTH)).text
    assert "Lembar bulan Maret 2026" in page
    assert "Klinik Contoh" in page
    assert page.count('<th scope="col" class="n d">') == 31
    assert 'href="/laporan/2026-02"' in page
    assert 'href="/laporan/2026-04"' not in page  # that month has not begun
    assert '<td class="n"><strong>2</strong></td><td class="n"><strong>1</strong></td>' in page
    lines = (await person.get(f"{MONTH}/csv")).text.splitlines()
    assert lines[1:] == [
        "Klinik Contoh,Kementerian,Kunjungan,09/03/2026,1,1,0",
        "Klinik Contoh,Kementerian,Kunjungan,10/03/2026,1,0,1",
        "Klinik Contoh,Kementerian,Kunjungan,Jumlah,2,1,1",
    ]


async def test_a_month_without_anything_says_so(person: httpx.AsyncClient) -> None:
    page = (await person.get("/laporan/2026-02")).text
    assert "Tidak ada kiriman yang selesai pada bulan ini." in page
    assert 'href="/laporan/2026-01"' in page
    assert 'href="/laporan/2026-03"' in page


@pytest.mark.parametrize("month", ["2026", "2026-13", "1999-01", "9999-12", "kemarin", "2026-03-01"])
async def test_a_month_that_is_none_is_not_found(person: httpx.AsyncClient, month: str) -> None:
    assert (await person.get(f"/laporan/{month}")).status_code == 404
