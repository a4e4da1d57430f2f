"""Confirmation of many exact codes: what is exact, what changed meanwhile, and twice the same form."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.mapping.bulk import BulkResult, LeftOut, confirm_proposals, proposals
from engine.mapping.confirm import Choice
from tests.engine.drug_catalog import DrugCatalog
from tests.engine.drug_catalog import drugs as drugs

pytestmark = pytest.mark.anyio

COFFEE = {"code": "B1", "name": "Kopi bubuk 10 mg"}
STRONG = {"code": "B2", "name": "Kopi bubuk 20 mg"}
OTHERS = (
    {"code": "B3", "name": "Kopi bubuk 30 mg"},  # of no code
    {"code": "B4", "name": "Kopi bubuk"},  # of two codes
    {"code": "B5", "name": "Kopi bubuk 10 mg isi 100"},  # says more than the code
    {"code": "B6", "name": "Kopi susu bubuk 10 mg"},
)


async def hand_in(drugs: DrugCatalog, *records: dict[str, str]) -> None:
    await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", records)


async def proposed(drugs: DrugCatalog) -> list[Choice]:
    page = await proposals(drugs.database, drugs.antar.hub.code_searches, drugs.mapping, drugs.facility)
    return [Choice(row.id, suggested.match.code, None, row.parts_hash) for row, suggested in page.rows]


async def confirm(drugs: DrugCatalog, choices: list[Choice]) -> BulkResult:
    searches = drugs.antar.hub.code_searches
    return await confirm_proposals(drugs.database, searches, drugs.mapping, drugs.facility, choices, "sari")


async def audited(drugs: DrugCatalog) -> list[tuple[str, str]]:
    query = text("SELECT actor, reason FROM audit WHERE action = 'mapping.confirm' ORDER BY id")
    return [(row[0], row[1]) for row in await drugs.database.fetch(query)]


async def test_only_the_one_code_that_agrees_in_all_is_proposed(drugs: DrugCatalog) -> None:
    await hand_in(drugs, COFFEE, STRONG, *OTHERS)
    assert [choice.code for choice in await proposed(drugs)] == ["C1", "C2"]


async def test_what_is_ticked_is_confirmed_noted_and_released(drugs: DrugCatalog) -> None:
    await hand_in(drugs, COFFEE, STRONG)
    await drugs.antar.hand_in("Order", {"id": "O1", "goods": ["B1"]})
    await drugs.antar.work()
    result = await confirm(drugs, await proposed(drugs))
    assert ([code for _, code in result.done], result.left, result.released) == (["C1", "C2"], [], 1)
    assert result.channels == {drugs.antar.channel}
    assert await audited(drugs) == [("sari", "Pemetaan Barang: B1: C1"), ("sari", "Pemetaan Barang: B2: C2")]
    await drugs.antar.work()
    assert await drugs.antar.status("Order", "O1") == "sent"


async def test_the_same_form_a_second_time_changes_nothing(drugs: DrugCatalog) -> None:
    await hand_in(drugs, COFFEE)
    choices = await proposed(drugs)
    await confirm(drugs, choices)
    again = await confirm(drugs, choices)
    assert ([code for _, code in again.done], again.left, again.released) == (["C1"], [], 0)
    assert len(await audited(drugs)) == 1


async def test_what_changed_meanwhile_is_left_out_with_its_reason(drugs: DrugCatalog) -> None:
    await hand_in(drugs, COFFEE, STRONG, {"code": "B7", "name": "Kopi cair 10 mg"})
    choices = await proposed(drugs)
    await hand_in(drugs, {**COFFEE, "name": "Kopi bubuk 20 mg"})
    await drugs.confirm("B2", "C3", actor="budi")
    result = await confirm(drugs, [*choices, Choice(999, "C1", None, "x")])
    reasons = [LeftOut.CHANGED, LeftOut.MAPPED, LeftOut.ABSENT]
    assert ([code for _, code in result.done], [reason for _, reason in result.left]) == (["C3"], reasons)
    assert [(await drugs.item(key)).code for key in ("B1", "B2", "B7")] == [None, "C3", "C3"]


async def test_a_code_that_is_not_exact_is_refused(drugs: DrugCatalog) -> None:
    await hand_in(drugs, COFFEE)
    [choice] = await proposed(drugs)
    result = await confirm(drugs, [Choice(choice.item_id, "C2", None, choice.parts_hash)])
    assert ([reason for _, reason in result.left], await audited(drugs)) == ([LeftOut.INEXACT], [])


async def test_a_code_that_was_withdrawn_is_exact_no_more(drugs: DrugCatalog) -> None:
    await hand_in(drugs, COFFEE)
    choices = await proposed(drugs)
    await drugs.read_register("C1")
    assert [reason for _, reason in (await confirm(drugs, choices)).left] == [LeftOut.INEXACT]
