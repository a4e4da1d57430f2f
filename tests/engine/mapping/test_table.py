"""Table of mappings: export, and import with a preview of each line's effect."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from admin.text.words import sentence
from engine.mapping.confirm import confirm
from engine.mapping.queries import history
from engine.mapping.table import COLUMNS, RowFault, RowState, export, preview, taken_over
from tests.engine.drug_catalog import TABIB, DrugCatalog
from tests.engine.drug_catalog import drugs as drugs

pytestmark = pytest.mark.anyio


async def shelves(drugs: DrugCatalog) -> None:
    """Submit three items, of which B1 has a code."""
    goods = [{"code": f"B{n}", "name": f"Barang {n}"} for n in (1, 2, 3)]
    await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", goods)
    await drugs.confirm("B1", "C1")


async def previewed(drugs: DrugCatalog, *lines: dict[str, str]) -> list[tuple[str, RowState, RowFault | None]]:
    rows = await preview(drugs.database, drugs.mapping, drugs.facility.id, lines)
    return [(line.key, line.state, line.fault) for line in rows]


async def test_items_without_a_code_come_first_in_the_table(drugs: DrugCatalog) -> None:
    await shelves(drugs)
    rows = await export(drugs.database, drugs.mapping, drugs.facility.id)
    assert rows[-1] == ["B1", "Barang 1", "C1", "Kopi 10 mg Bubuk", "C1"]
    assert [row[:3] for row in rows[:2]] == [["B2", "Barang 2", ""], ["B3", "Barang 3", ""]]


async def test_each_line_says_what_it_would_do(drugs: DrugCatalog) -> None:
    await shelves(drugs)
    assert await previewed(
        drugs,
        {"key": "B1", "code": "C1", "code_before": "C1"},
        {"key": "B2", "code": " C2 "},
        {"key": "B3", "code": ""},
        {"key": "B1", "code": "C1", "code_before": "C3"},
    ) == [("B1", RowState.SAME, None), ("B2", RowState.NEW, None), ("B1", RowState.SAME, None)]
    assert await previewed(drugs, {"key": "B1", "code": "C2", "code_before": "C1"}) == [("B1", RowState.CHANGED, None)]
    assert await previewed(drugs, {"key": "B1", "code": "C2", "code_before": "C3"}) == [("B1", RowState.CONFLICT, None)]


async def test_what_cannot_be_done_is_told_with_its_reason(drugs: DrugCatalog) -> None:
    await shelves(drugs)
    await drugs.read_register("C3")
    lines = [("B9", "C1"), ("B2", "nowhere"), ("B2", "C3"), ("B3", "P1"), ("B2", "C1")]
    results = await previewed(drugs, *({"key": key, "code": code} for key, code in lines))
    faults = [RowFault.NO_ITEM, RowFault.NO_CODE, RowFault.WITHDRAWN, RowFault.NOT_ALLOWED, RowFault.TWICE]
    assert [fault for _, _, fault in results] == faults


async def test_a_table_that_comes_back_changes_what_it_says(drugs: DrugCatalog) -> None:
    await shelves(drugs)
    rows = await export(drugs.database, drugs.mapping, drugs.facility.id)
    table = [dict(zip(COLUMNS, row, strict=True)) | {"code": "C2"} for row in rows]
    previewed_rows = await preview(drugs.database, drugs.mapping, drugs.facility.id, table)
    choices = [line.choice for line in previewed_rows if line.choice is not None]
    done = await confirm(drugs.database, drugs.mapping, drugs.facility.id, choices, "sari")
    assert (len(done.done), (await drugs.item("B1")).code) == (3, "C2")


async def test_a_code_that_was_taken_over_is_the_systems_and_a_changed_one_the_persons(
    drugs: DrugCatalog,
) -> None:
    await shelves(drugs)
    heading, *rows = taken_over("tabib", [("B1", "C2"), ("B2", "C2"), ("B3", "C2")])
    table = [dict(zip(heading, row, strict=True)) for row in rows]
    table[1]["code"] = "C1"
    table[2]["source"] = "unknown"
    previewed_rows = await preview(drugs.database, drugs.mapping, drugs.facility.id, table, {"tabib": TABIB})
    choices = [line.choice for line in previewed_rows if line.choice is not None]
    await confirm(drugs.database, drugs.mapping, drugs.facility.id, choices, "sari")
    items = [await drugs.item(key) for key in ("B1", "B2", "B3")]
    assert [sentence(item.mapped_by) for item in items] == ["Sistem klinik (Tabib)", "sari", "sari"]
    assert sentence((await history(drugs.database, items[0].id))[0].actor) == "Sistem klinik (Tabib)"
    noted = await drugs.database.fetch(text("SELECT actor FROM audit WHERE action = 'mapping.confirm'"))
    assert {row.actor for row in noted} == {"sari"}
