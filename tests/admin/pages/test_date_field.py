"""The date field: what a person may write, and dates as Indonesia writes them in fields and cells."""

from __future__ import annotations

import httpx
import pytest

from admin.pages.shared.date_field import read_period, written_period
from admin.pages.shared.formatting import value_text
from tests.admin.pages.test_types import VISITS
from tests.engine.small_hub import SmallHub


@pytest.mark.parametrize(
    ("text", "first", "last", "shown"),
    [
        ("28/11/2026", "2026-11-28", "2026-11-28", "28/11/2026"),
        ("1-2-2026", "2026-02-01", "2026-02-01", "01/02/2026"),
        ("2026-11-28", "2026-11-28", "2026-11-28", "28/11/2026"),
        ("01/11/2026 – 28/11/2026", "2026-11-01", "2026-11-28", "01/11/2026 – 28/11/2026"),
        ("28.11.2026 s.d. 1.11.2026", "2026-11-01", "2026-11-28", "01/11/2026 – 28/11/2026"),
        ("01/11/2026 sampai", "2026-11-01", "", "01/11/2026 –"),
        ("- 03/03/2026", "", "2026-03-03", "– 03/03/2026"),
        ("", "", "", ""),
    ],
)
def test_a_day_or_a_period_is_read_and_shown(text: str, first: str, last: str, shown: str) -> None:
    assert read_period(text) == (first, last)
    assert written_period(first, last) == shown


@pytest.mark.parametrize("text", ["kemarin", "31/02/2026", "3/3/26", "11/2026", "01/01/2026 02/01/2026"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_period(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["500 mg", "5 ml"], "500 mg, 5 ml"),
        ([], "–"),
        (True, "Ya"),
        (False, "Tidak"),
        (None, "–"),
        (0, "0"),
        ("1988-09-15", "15/09/1988"),
        ("2026-01-05T08:45:00+07:00", "05/01/2026 08.45"),
        ("RJ-2026-01-05", "RJ-2026-01-05"),
    ],
)
def test_a_value_is_shown_in_words(value: object, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.anyio
async def test_the_field_filters_a_list_without_a_script(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "lama", "at": "2026-01-05"}, {"id": "V2", "note": "baru"})
    page = (await person.get(VISITS, params={"date": "05/01/2026"})).text
    assert ('data-label="Catatan">lama' in page, 'data-label="Catatan">baru' in page) == (True, False)
    assert 'name="date" value="05/01/2026"' in page
    assert '<a class="date-clear" href="?"' in page
    assert (await person.get(VISITS, params={"date": "kemarin"})).status_code == 400


@pytest.mark.anyio
async def test_a_day_without_deliveries_says_so(person: httpx.AsyncClient) -> None:
    assert "Tidak ada pada tanggal ini." in (await person.get(VISITS, params={"date": "05/01/2026"})).text
