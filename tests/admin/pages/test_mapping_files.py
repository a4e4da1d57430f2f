"""Tables of items and of mappings: preview before anything is stored; harmless in a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import html
import re
import signal
import sys
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zipfile import ZIP_DEFLATED, ZipFile

import httpx
import pytest
from litestar.datastructures import UploadFile
from openpyxl import Workbook
from sqlalchemy import text

from admin.pages.mapping import spreadsheet, spreadsheet_reader
from tests.admin.http.test_rights import allow
from tests.admin.mapped_clinic import COFFEE, HOME, OWN, TEA, MappedClinic
from tests.admin.mapped_clinic import clinic as clinic
from tests.engine.drug_catalog import TABIB

pytestmark = pytest.mark.anyio

TABLE = "code;name;Rak;active\nB1;Kopi bubuk 10 mg;A-7;ya\nB2;Teh;;tidak\n;Tanpa kode;;\nB4;;;mungkin\n"


async def upload(clinic: MappedClinic, content: str | bytes, path: str = "barang", name: str = "a.csv") -> str:
    files = {"berkas": (name, content if isinstance(content, bytes) else content.encode())}
    answer = await clinic.client.post(f"{HOME}/{path}", files=files, headers=OWN)
    assert answer.status_code == 200, answer.text
    return answer.text


def carried(page: str) -> str:
    match = re.search(r'<textarea name="isi" hidden>(.*?)</textarea>', page, re.DOTALL)
    assert match
    return html.unescape(match[1])


async def store(clinic: MappedClinic, page: str) -> str:
    files = {"isi": (None, carried(page).encode())}
    answer = await clinic.client.post(f"{HOME}/barang/simpan", files=files, headers=OWN)
    return str(answer.headers["location"])


async def import_(clinic: MappedClinic, page: str, *ticked: int) -> str:
    answer = await clinic.post(f"{HOME}/impor/simpan", isi=carried(page), setuju=[str(number) for number in ticked])
    assert answer.status_code == 200
    return answer.text


async def exported(clinic: MappedClinic) -> list[dict[str, str]]:
    answer = await clinic.post(f"{HOME}/ekspor")
    return list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))


def table(*rows: dict[str, str]) -> str:
    out = StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book, out = Workbook(), BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(out)
    return out.getvalue()


async def test_an_upload_tells_what_is_wrong_and_stores_nothing_yet(clinic: MappedClinic) -> None:
    page = await upload(clinic, TABLE)
    assert ("1 baris" in page, "2 baris dapat disimpan" in page, "2 baris salah" in page) == (False, True, True)
    assert '<td data-label="Baris">4</td>' in page
    assert ("wajib diisi" in page, "is a required property" in page) == (True, False)
    assert '<td data-label="Baris">5</td><td data-label="ID asal">B4</td>' in page
    assert "Belum ada data" in await clinic.page()


async def test_what_the_preview_showed_is_stored_then(clinic: MappedClinic) -> None:
    location = await store(clinic, await upload(clinic, TABLE))
    assert parse_qs(urlsplit(location).query)["baru"] == ["2"]
    assert "2 baru, 0 berubah, 0 tetap." in await clinic.page(location)
    row = await clinic.drugs.item("B1")
    assert (row.active, (await clinic.drugs.item("B2")).active, '"shelf":"A-7"' in row.record) == (True, False, True)
    again = await store(clinic, await upload(clinic, TABLE))
    assert parse_qs(urlsplit(again).query)["tetap"] == ["2"]


async def test_a_workbook_will_do_as_well(clinic: MappedClinic) -> None:
    page = await upload(
        clinic, workbook(("code", "name", "lain"), (101, "Kopi 10 mg", 5), (None, None, None)), name="x"
    )
    assert "1 baris dapat disimpan" in page
    assert "diabaikan: lain" in page
    await store(clinic, page)
    assert (await clinic.drugs.item("101")).name == "Kopi 10 mg"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Baris pertama harus berisi nama kolom"),
        (b"code,name\n", "tidak berisi data"),
        (b"PK\x03\x04 no workbook", "tidak dapat dibaca"),
        (b"\x89PNG\x00\x00", "tidak dapat dibaca"),
        (b"code\n" + b"x" * 200_000, "tidak dapat dibaca"),
        (b"code\n" + b"x\n" * (spreadsheet_reader.MAX_ROWS + 1), "lebih dari 10.000 baris"),
        (b"x" * (spreadsheet.MAX_FILE_BYTES + 1), "lebih dari 5 MB"),
    ],
)
async def test_a_file_that_is_no_table_says_so(clinic: MappedClinic, content: bytes, words: str) -> None:
    assert words in await upload(clinic, content)
    assert "alert-danger" in await upload(clinic, content, "impor")


async def test_no_file_at_all_is_told(clinic: MappedClinic) -> None:
    answer = await clinic.client.post(f"{HOME}/barang", data={"x": "y"}, headers=OWN)
    assert "Pilih dahulu berkasnya." in answer.text


@pytest.mark.parametrize("content", ["", "{}", "null", "[1", "x"])
async def test_what_no_preview_wrote_is_refused(clinic: MappedClinic, content: str) -> None:
    for path in ("barang/simpan", "impor/simpan"):
        assert (await clinic.post(f"{HOME}/{path}", isi=content)).status_code == 400


@pytest.mark.parametrize("row", ['[[1,"C1"]]', '[["x","C1",null,false]]', "[[1,2,3,4]]", "[null]"])
async def test_a_line_that_no_preview_wrote_is_refused(clinic: MappedClinic, row: str) -> None:
    assert (await clinic.post(f"{HOME}/impor/simpan", isi=row)).status_code == 400


async def test_codes_of_the_clinics_own_system_are_shown_as_its_own(
    clinic: MappedClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(clinic.antar.hub.catalog.sources, "tabib", TABIB)  # type: ignore[arg-type]
    await clinic.hand_in(COFFEE)
    key = str(COFFEE["code"])
    row = {"key": key, "code": "C1", "source": "tabib", "source_code": "C1"}
    await import_(clinic, await upload(clinic, table(row), "impor"))
    page = await clinic.page(f"{HOME}/{(await clinic.drugs.item(key)).id}")
    assert "Sistem klinik (Tabib) memetakan" in page
    assert "Sistem klinik (Tabib)" in await clinic.page(f"{HOME}?tab=sudah")


async def test_a_table_goes_out_harmless_and_noted_and_comes_back_as_it_was(clinic: MappedClinic) -> None:
    await clinic.hand_in({"code": "=1+1", "name": "=cmd|'/c calc'!A1 10 mg"})
    answer = await clinic.post(f"{HOME}/ekspor")
    assert "'=1+1,'=cmd|" in answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="antar-goods.csv"'
    noted = await clinic.antar.hub.database.fetch(text("SELECT reason FROM audit WHERE action = 'export'"))
    assert noted == [("Pemetaan Barang: 1",)]
    [line] = await exported(clinic)
    await import_(clinic, await upload(clinic, table({**line, "code": "C1"}), "impor"))
    assert (await clinic.drugs.item("=1+1")).code == "C1"


async def test_an_import_says_of_each_line_what_it_would_do(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE, TEA, {"code": "B3", "name": "Kopi cair 10 mg"})
    await clinic.drugs.confirm("B3", "C3")
    lines = {line["key"]: line for line in await exported(clinic)}
    await clinic.drugs.confirm("B3", "C1", seen="C3", actor="budi")
    page = await upload(
        clinic,
        table(
            {**lines["B1"], "code": "C1"},
            {**lines["B2"], "code": "nowhere"},
            {**lines["B3"], "code": "C2"},
            {**lines["B1"], "key": "B9", "code": "C1"},
        ),
        "impor",
    )
    for words in ("1 baru", "1 bentrok", "2 tidak dapat dipakai", "barang ini tidak ada", "Ganti C1 yang sementara"):
        assert words in page
    assert (await clinic.drugs.item("B1")).code is None
    result = await import_(clinic, page)
    assert "1 dipetakan, 1 dilewati" in result
    assert [(await clinic.drugs.item(key)).code for key in ("B1", "B3")] == ["C1", "C1"]
    await import_(clinic, page, await clinic.id("B3"))
    assert (await clinic.drugs.item("B3")).code == "C2"


async def test_a_line_that_differs_where_it_must_not_is_done_only_if_ticked(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    [line] = await exported(clinic)
    page = await upload(clinic, table({**line, "code": "C2"}), "impor")
    assert "Kekuatan berbeda: 10 di klinik, 20 pada kode ini. Saya yakin kode ini tetap benar." in page
    assert "0 dipetakan, 1 dilewati" in await import_(clinic, page)
    assert (await clinic.drugs.item("B1")).code is None
    await import_(clinic, page, await clinic.id())
    assert (await clinic.drugs.item("B1")).code == "C2"


async def test_what_changed_between_preview_and_word_is_left_alone_and_told(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    [line] = await exported(clinic)
    page = await upload(clinic, table({**line, "code": "C1"}), "impor")
    await clinic.drugs.confirm("B1", "C3", actor="budi")
    assert "1 tidak disimpan karena sementara itu berubah" in await import_(clinic, page)
    assert (await clinic.drugs.item("B1")).code == "C3"


async def test_an_import_releases_what_waits(clinic: MappedClinic) -> None:
    await clinic.hand_in(COFFEE)
    await clinic.order()
    [line] = await exported(clinic)
    await import_(clinic, await upload(clinic, table({**line, "code": "C1"}), "impor"))
    await clinic.antar.work()
    assert await clinic.antar.status("Order", "O1") == "sent"


async def test_the_sample_has_the_headings_of_the_schema(clinic: MappedClinic) -> None:
    sample = (await clinic.client.get(f"{HOME}/contoh")).text.removeprefix("\ufeff")
    assert sample.splitlines()[:2] == ["code,name,shelf,active,at", "B1,Kopi bubuk 10 mg,,,"]
    page = await clinic.page(f"{HOME}/berkas")
    assert "Judul kolom lain yang dikenal: rak" in page


async def test_who_may_not_map_neither_uploads_nor_downloads(clinic: MappedClinic) -> None:
    await allow(clinic.antar, "satusehat")
    answers: list[httpx.Response] = [await clinic.client.get(f"{HOME}/berkas")]
    answers += [await clinic.post(f"{HOME}/{path}") for path in ("barang", "barang/simpan", "ekspor", "impor")]
    assert {answer.status_code for answer in answers} == {403}


def bomb(strings: bytes, count: int) -> bytes:
    """Return a workbook whose table of strings has that many more parts."""
    plain, out = workbook(("code", "name"), ("B1", "Kopi 10 mg")), BytesIO()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'.encode()
    with ZipFile(BytesIO(plain)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b"</Types>", override))
        head = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        new.writestr("xl/sharedStrings.xml", head + strings * count + b"</sst>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("strings", "count"), [(b"<si/>", 15_000_000), (b"<si><t>" + b"x" * 1_000_000 + b"</t></si>", 90)]
)
async def test_a_workbook_that_unpacks_to_a_flood_is_refused(clinic: MappedClinic, strings: bytes, count: int) -> None:
    content = bomb(strings, count)
    assert len(content) < 200_000
    assert "terlalu besar atau terlalu rumit" in await upload(clinic, content)


@pytest.mark.parametrize("path", ["barang", "impor"])
async def test_a_table_of_too_many_cells_is_refused(clinic: MappedClinic, path: str) -> None:
    rows = [b";".join([b"x"] * 100)] * (spreadsheet_reader.MAX_CELLS // 100 + 1)
    assert "lebih dari 200.000 sel" in await upload(clinic, b"\n".join(rows), path)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_table_of_too_many_columns_says_so(clinic: MappedClinic, kind: str) -> None:
    heading = ["code", "name", *(f"k{n}" for n in range(spreadsheet_reader.MAX_COLUMNS))]
    content = workbook(tuple(heading), ("B1", "Kopi")) if kind == "xlsx" else ";".join(heading) + "\nB1;Kopi\n"
    for path in ("barang", "impor"):
        assert "lebih dari 100 kolom" in await upload(clinic, content, path)


async def test_empty_columns_do_not_count(clinic: MappedClinic) -> None:
    assert "1 baris dapat disimpan" in await upload(clinic, f"code;name{';' * 200}\nB1;Kopi{';' * 200}\n")


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "9" * 400])
async def test_a_number_that_is_none_breaks_nothing(clinic: MappedClinic, value: str) -> None:
    plain, out = workbook(("code", "name"), ("B1", 12345)), BytesIO()
    with ZipFile(BytesIO(plain)) as old, ZipFile(out, "w") as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b"<v>12345</v>", f"<v>{value}</v>".encode()))
    page = await upload(clinic, out.getvalue())
    assert "1 baris dapat disimpan" in page or "tidak dapat dibaca" in page


async def test_the_page_of_uploads_explains_the_columns(clinic: MappedClinic) -> None:
    page = await clinic.page(f"{HOME}/berkas")
    assert "<code>shelf</code></dt><dd>Rak di gudang" in page


NEVER = "import time; time.sleep(3600)"
GREEDY = "import sys; sys.path.insert(0, {!r}); import spreadsheet_reader; spreadsheet_reader.limit_resources(); {}"
FOLDER = str(Path(spreadsheet_reader.__file__).parent)


async def read(sheets: spreadsheet.Sheets, facility_id: int = 1) -> spreadsheet.Table:
    uploaded = UploadFile("text/csv", "a.csv", b"code\nB1\n")
    try:
        return await sheets.table(uploaded, facility_id)
    finally:
        await uploaded.close()


@pytest.mark.parametrize("greed", ["x = bytearray(10 ** 9)", "while True: pass"])
async def test_a_reader_that_takes_too_much_is_ended(greed: str) -> None:
    limits = "sheet_reader.MAX_CPU_SECONDS = 1;"
    program = GREEDY.format(FOLDER, greed).replace("sheet_reader.limit", f"{limits} sheet_reader.limit")
    with pytest.raises(spreadsheet.NotATable, match="terlalu besar atau terlalu rumit"):
        await read(spreadsheet.Sheets((sys.executable, "-I", "-c", program)))


async def test_a_reader_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "READ_SECONDS", 0.0)
    with pytest.raises(spreadsheet.NotATable, match="terlalu besar atau terlalu rumit"):
        await read(spreadsheet.Sheets((sys.executable, "-I", "-c", NEVER)))


async def test_a_clinic_waits_for_itself_and_not_for_others() -> None:
    sheets = spreadsheet.Sheets((sys.executable, "-I", "-c", NEVER))
    held = [asyncio.create_task(read(sheets)) for _ in range(1 + spreadsheet.MAX_WAITING)]
    for _ in range(10):
        await asyncio.sleep(0)
    with pytest.raises(spreadsheet.NotATable, match="Berkas lain sedang dibaca"):
        await read(sheets)
    async with sheets._slot(2):
        assert sum(not task.done() for task in held) == len(held)
    for task in held:
        task.cancel()
    assert await asyncio.gather(*held, return_exceptions=True)


async def test_a_reader_ends_with_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
    start = asyncio.create_subprocess_exec

    async def note(*arguments: Any, **keywords: Any) -> asyncio.subprocess.Process:
        process = await start(*arguments, **keywords)
        started.put_nowait(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    reading = asyncio.create_task(read(spreadsheet.Sheets((sys.executable, "-I", "-c", NEVER))))
    process = await started.get()
    reading.cancel()
    assert isinstance((await asyncio.gather(reading, return_exceptions=True))[0], asyncio.CancelledError)
    assert process.returncode == -signal.SIGKILL


async def test_the_program_that_reads_has_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTAR_SECRET_KEY", "rahasia")
    program = "import json, os; print(json.dumps(['x'])); print(json.dumps([str(dict(os.environ))])); print('{}')"
    [row] = await read(spreadsheet.Sheets((sys.executable, "-I", "-c", program)))
    assert "rahasia" not in row["x"]
