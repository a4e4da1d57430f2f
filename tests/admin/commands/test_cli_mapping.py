"""`antar mapping`: tables of mappings on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.code_lists.copies import add_row
from engine.database.database import Database
from engine.specs.code_list import CodeListRow
from tests.admin.commands.test_cli import Capture, antar
from tests.admin.commands.test_cli import environment as environment
from tests.engine.drug_catalog import ROWS, catalog


@pytest.fixture(autouse=True)
def goods(environment: Path, capsys: Capture) -> Path:
    """Submit two items and read the register."""
    configured = catalog().replace("adapter: scripted", "adapter: dryrun")
    (environment / "config" / "resources.yaml").write_text(configured, "utf-8")
    (environment / "goods.json").write_text(
        json.dumps([{"code": "B1", "name": "Kopi satu"}, {"code": "B2", "name": "Kopi dua"}])
    )
    assert antar(capsys, "facility", "add", "klinik", "Klinik", "--organization-id", "1")[0] == 0
    assert antar(capsys, "submit", "Good", str(environment / "goods.json"))[:2] == (0, "2 records, 0 refused\n")
    asyncio.run(register(f"sqlite:///{environment}/antar.sqlite3"))
    return environment


async def register(url: str) -> None:
    database = Database(url)
    for key, content in ROWS.items():
        await add_row(database, 0, "register", CodeListRow(key, content))
    await database.close()


def table(folder: Path, text: str) -> str:
    (folder / "table.csv").write_text(text)
    return str(folder / "table.csv")


def test_a_table_comes_back_as_it_was_filled_in(capsys: Capture, goods: Path) -> None:
    _, output, _ = antar(capsys, "mapping", "export", "goods")
    assert output.splitlines() == ["key,name,code,code_name,code_before", "B2,Kopi dua,,,", "B1,Kopi satu,,,"]
    filled = table(goods, output.replace("Kopi satu,,", "Kopi satu,C1,"))
    assert antar(capsys, "mapping", "import", "goods", filled, "--dry-run")[1] == "1 new\n"
    assert antar(capsys, "mapping", "import", "goods", filled)[:2] == (0, "1 new\n")
    assert "B1,Kopi satu,C1,Kopi 10 mg Bubuk,C1" in antar(capsys, "mapping", "export", "goods")[1]


def test_lines_that_cannot_be_are_told_and_left_out(capsys: Capture, goods: Path) -> None:
    faulty = table(goods, "key,code\nB1,C1\nB9,C1\nB2,nowhere\n")
    code, output, error = antar(capsys, "mapping", "import", "goods", faulty)
    assert (code, output) == (1, "1 new, 2 invalid\n")
    assert error.splitlines() == ["line 2: B9 -> C1: no_item", "line 3: B2 -> nowhere: no_code"]


def test_what_differs_is_confirmed_only_where_its_key_is_accepted(capsys: Capture, goods: Path) -> None:
    (goods / "more.json").write_text(json.dumps([{"code": f"D{n}", "name": f"Kopi bubuk {n} mg"} for n in (1, 2)]))
    assert antar(capsys, "submit", "Good", str(goods / "more.json"))[0] == 0
    differing = table(goods, "key,code\nB1,C1\nD1,C1\nD2,C1\n")
    code, output, error = antar(capsys, "mapping", "import", "goods", differing, "--accept", "D2")
    assert (code, output) == (1, "2 new, 1 differing\n")
    assert error == "line 2: D1 -> C1: Kekuatan: 1 here, 10 for this code (--accept D1 if this is meant)\n"
    exported = antar(capsys, "mapping", "export", "goods")[1]
    assert [line for line in exported.splitlines() if ",C1," in line] == [
        "D2,Kopi bubuk 2 mg,C1,Kopi 10 mg Bubuk,C1",
        "B1,Kopi satu,C1,Kopi 10 mg Bubuk,C1",
    ]


def test_a_table_without_its_columns_is_refused(capsys: Capture, goods: Path) -> None:
    assert "the column 'code' is missing" in antar(capsys, "mapping", "import", "goods", table(goods, "key\nB1\n"))[2]
    assert "no mapping 'good'; known: goods" in antar(capsys, "mapping", "export", "good")[2]
