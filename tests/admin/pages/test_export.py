"""Export of a list as CSV: harmless in a spreadsheet, masked, complete, recorded in the audit log."""

from __future__ import annotations

import csv
from io import StringIO

import httpx
import pytest
from sqlalchemy import text

from admin.pages.deliveries import export
from admin.pages.shared import csv_text
from tests.admin.pages.test_types import OWN, VISITS, failed_visit
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio


async def exported(person: httpx.AsyncClient, **fields: str | list[str]) -> list[dict[str, str]]:
    answer = await person.post(f"{VISITS}/ekspor", data=fields, headers=OWN)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="antar-Visit.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))


async def test_the_whole_filter_is_exported_page_by_page(
    person: httpx.AsyncClient, antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK_ROWS", 4)
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(10)), {"id": "lama", "at": "2026-01-01"})
    rows = await exported(person, all="yes", date_from="2026-03-01")
    assert [row["ID asal"] for row in rows] == [f"V{n}" for n in reversed(range(10))]


async def test_ticked_rows_alone_are_exported(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    ids = [str((await antar.row("Visit", key)).id) for key in ("V0", "V2")]
    assert [row["ID asal"] for row in await exported(person, ids=ids)] == ["V2", "V0"]


async def test_a_row_tells_what_the_list_shows_and_why(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "RM-1", "nik": "3171010101010001"})
    await antar.work()
    await failed_visit(antar, note="batuk", person="RM-1")
    [row] = await exported(person, all="yes")
    expected = {"Tanggal": "2026-03-10", "Catatan": "batuk", "Norm": "RM-1", "Status": "Tidak Terkirim"}
    assert expected.items() <= row.items()
    assert (row["Kode HTTP"], row["Kode bisnis"], row["Penyebab"]) == ("400", "10457", "Element not found")


@pytest.mark.parametrize("note", ["=1+1", "+62", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
async def test_no_cell_is_a_formula(person: httpx.AsyncClient, antar: SmallHub, note: str) -> None:
    await antar.hand_in("Visit", {"id": note.strip(), "note": note})
    [row] = await exported(person, all="yes")
    assert row["Catatan"].startswith("'")
    assert not row["ID asal"].startswith(csv_text.FORMULA_STARTS)


async def test_identifiers_are_masked(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "NIK 3171010101010001"})
    assert [row["Catatan"] for row in await exported(person, all="yes")] == ["NIK ••••••••••••0001"]


async def test_an_export_is_noted_with_its_filter_and_count(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await exported(person, all="yes", status="queued")
    [noted] = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit"))
    assert tuple(noted) == ("sari", "export", "Visit 2 status=queued")


@pytest.mark.parametrize("fields", [{}, {"ids": "x"}, {"ids": "9" * 30}, {"ids": [str(n) for n in range(200)]}])
async def test_ids_that_no_page_can_tick_are_refused(person: httpx.AsyncClient, fields: dict[str, str]) -> None:
    assert (await person.post(f"{VISITS}/ekspor", data=fields, headers=OWN)).status_code == 400
