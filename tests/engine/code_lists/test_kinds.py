"""Code lists with several kinds of rows, shared, read by changes, or kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.base import Call, Reply
from engine.catalog.catalog import load
from engine.code_lists import synchronisations
from engine.mapping.confirm import Choice, confirm
from engine.specs.code_list import SHARED, rows_of
from sandbox.kfa.catalogue import generate
from sandbox.kfa.documents import document, is_draft, is_withdrawn
from tests.engine.drug_catalog import DrugCatalog
from tests.engine.drug_catalog import drugs as drugs
from tests.engine.small_hub import accepted

pytestmark = pytest.mark.anyio

KFA = load(Path(__file__).parents[3] / "config").code_lists["kfa"]
PRODUCTS = generate(300).products


def stored_rows(product: Any) -> list[Any]:
    return list(rows_of(KFA, document(product, None), None, {}))


def test_one_answer_holds_a_product_its_template_its_ingredients_and_its_packs() -> None:
    product = next(
        product for product in PRODUCTS if product.brand and not is_draft(product) and not is_withdrawn(product)
    )
    rows = {row.content["level"]: row for row in stored_rows(product)}
    assert (rows["93"].key, rows["92"].key) == (product.code, product.template.code)
    assert (rows["93"].content["brand"], rows["92"].content["brand"]) == (product.brand, None)
    assert rows["91"].content["name"] == product.template.presentation.ingredients[-1]
    assert rows["93"].content["details"][0]["kfa_code"].startswith("91")


def test_drafts_are_left_out_and_withdrawn_products_marked() -> None:
    draft = next(product for product in PRODUCTS if is_draft(product))
    assert stored_rows(draft) == []
    withdrawn = next(product for product in PRODUCTS if is_withdrawn(product))
    assert stored_rows(withdrawn)[0].withdrawn


def test_what_a_row_lacks_is_null() -> None:
    [row] = rows_of(KFA, {"kfa_code": "93000001", "name": "X", "active": True, "state": "valid"}, None, {})
    assert (row.key, row.content["form"], row.content["ingredients"]) == ("93000001", None, [])


def register(drugs: DrugCatalog, *rows: dict[str, Any]) -> list[Call]:
    """Replace the ministry's register by one with these answers; return its calls."""
    calls: list[Call] = []

    def answer(call: Call) -> Reply:
        calls.append(call)
        return accepted(found=[{"withdrawn": False, **row} for row in rows])

    drugs.antar.ministry.script = [answer] * 20
    return calls


async def synchronise(drugs: DrugCatalog) -> Any:
    code_list = drugs.antar.hub.catalog.code_lists["register"]
    await synchronisations.ask(drugs.database, code_list, drugs.facility.id, "sari")
    held = await synchronisations.lease_next(drugs.database)
    assert held is not None
    await drugs.antar.hub.synchroniser.read(held)
    return (await synchronisations.latest(drugs.database, drugs.facility.id))["register"]


async def test_a_shared_list_is_read_once_for_all_and_withdraws_codes(drugs: DrugCatalog) -> None:
    await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", [{"code": "B1", "name": "Kopi"}])
    await drugs.confirm("B1", "C1")
    row = {"code": "C1", "name": "Kopi 10 mg Bubuk", "level": "finished", "amount": "10 mg", "form": "Bubuk"}
    register(drugs, {**row, "successor": "C2", "withdrawn": True})
    state = await synchronise(drugs)
    assert (state.facility_id, state.state, state.gone) == (SHARED, "done", 5)
    assert ((await drugs.item("B1")).state, (await drugs.item("B1")).reason) == ("review", "withdrawn")


async def test_a_code_that_vanishes_while_it_is_chosen_is_not_confirmed(drugs: DrugCatalog) -> None:
    await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", [{"code": "B1", "name": "Kopi"}])
    register(drugs, {"code": "C2", "name": "Kopi", "level": "finished", "amount": "1 mg", "form": "Cair"})
    await synchronise(drugs)
    choice = Choice((await drugs.item("B1")).id, "C1")
    result = await confirm(drugs.database, drugs.mapping, drugs.facility.id, [choice], "sari")
    assert (result.done, result.unknown) == ((), (choice.item_id,))
