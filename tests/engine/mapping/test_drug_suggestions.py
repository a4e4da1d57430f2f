"""Shipped drug mapping with the sandbox's dictionary: suggestions for the demo's products."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from bench.matching import fill
from engine.database.database import Database
from engine.database.migrate import migrate
from engine.mapping.code_search import CodeSearch, Suggested
from sandbox.kfa.catalogue import generate
from tests.config.shipped import FACILITY, catalog, demo_records

pytestmark = pytest.mark.anyio
KFA = catalog().mappings["kfa"]
PRODUCTS = {record["code"]: record for record in demo_records()["Product"]}
SMALL = 3_000


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def code_searches(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CodeSearch]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('kfa')}/antar.sqlite3", durable=False)
    await migrate(database, "test")
    await fill(database, KFA, generate(SMALL))
    yield CodeSearch(database, None)  # type: ignore[arg-type]  # nothing is asked for that is not there
    await database.close()


async def suggested(code_searches: CodeSearch, record: dict[str, Any]) -> list[Suggested]:
    item = SimpleNamespace(name=record["name"], record=orjson.dumps({"code": "X", **record}).decode())
    return await code_searches.suggest(KFA, FACILITY, item, 20)


def agreements(suggestion: Suggested) -> dict[str, str]:
    return {compared.part.name: compared.agreement for compared in suggestion.suggestion.compared}


async def test_oralit_is_ors_and_nothing_else(code_searches: CodeSearch) -> None:
    suggestions = await suggested(code_searches, PRODUCTS["OBT-025"])
    assert suggestions[0].match.name.startswith("Oral Rehydration Salts")
    assert {tuple(suggestion.match.row["ingredients"]) for suggestion in suggestions} == {("Oral Rehydration Salts",)}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("OBT-001", "Paracetamol 500 mg Tablet"),
        ("OBT-009", "Aluminium Hydroxide 200 mg / Magnesium Hydroxide 200 mg Tablet Kunyah"),
        ("OBT-015", "Cetirizine Dihydrochloride 10 mg Tablet"),
        ("OBT-023", "Domperidone 10 mg Tablet"),
        ("OBT-026", "Zinc Sulfate 20 mg Tablet Dispersibel"),
        ("OBT-029", "Diclofenac Sodium 50 mg Tablet"),
        ("OBT-038", "Sulfamethoxazole 400 mg / Trimethoprim 80 mg Tablet"),
    ],
)
async def test_the_template_of_no_maker_comes_first_where_no_maker_is_known(
    code_searches: CodeSearch, code: str, name: str
) -> None:
    [first, *_] = await suggested(code_searches, PRODUCTS[code])
    assert (first.match.name, first.match.row["level"], first.suggestion.vetoes) == (name, "92", ())


@pytest.mark.parametrize("code", PRODUCTS)
async def test_another_ingredient_is_never_suggested(code_searches: CodeSearch, code: str) -> None:
    suggestions = await suggested(code_searches, PRODUCTS[code])
    assert {suggestion.match.row["level"] for suggestion in suggestions[:1]} <= {"92"}  # none of them names a maker
    for suggestion in suggestions:
        assert agreements(suggestion)["ingredient"] in ("same", "close")
        assert agreements(suggestion)["brand"] == "unknown"  # none of these products names one


async def test_the_line_of_the_ingredient_holds_the_ingredient_alone(code_searches: CodeSearch) -> None:
    [first, *_] = await suggested(code_searches, PRODUCTS["OBT-023"])
    assert {part.part.name: part.ours for part in first.suggestion.compared}["ingredient"] == "Domperidone"


async def test_what_nobody_knows_has_no_suggestion(code_searches: CodeSearch) -> None:
    assert await suggested(code_searches, {"name": "Sanmol 500 mg tab"}) == []
    assert await suggested(code_searches, PRODUCTS["OBT-035"]) == []


async def test_what_is_exact_is_the_template_of_no_maker_and_never_only_alike(code_searches: CodeSearch) -> None:
    rows = [
        SimpleNamespace(id=code, name=record["name"], record=orjson.dumps(record).decode())
        for code, record in PRODUCTS.items()
    ]
    exact = await code_searches.exact(KFA, FACILITY, rows)  # type: ignore[arg-type]
    assert exact["OBT-007"].match.name == "Ibuprofen 400 mg Tablet"
    assert {suggested.match.row["level"] for suggested in exact.values()} == {"92"}
    # two templates of one product, a salt, a strength that nobody wrote, two forms, nothing known
    assert exact.keys().isdisjoint({"OBT-001", "OBT-015", "OBT-009", "OBT-005", "OBT-035"})
    assert len(exact) >= 15


async def test_a_maker_that_only_one_of_the_two_names_is_not_exact(code_searches: CodeSearch) -> None:
    record = {"code": "X", **PRODUCTS["OBT-007"], "manufacturer": "Kimia Farma"}
    row = SimpleNamespace(id=1, name=record["name"], record=orjson.dumps(record).decode())
    exact = await code_searches.exact(KFA, FACILITY, [row])  # type: ignore[list-item]
    assert all(suggested.match.row["manufacturer"] for suggested in exact.values())


async def test_a_known_brand_is_suggested_by_its_name_alone(code_searches: CodeSearch) -> None:
    [first, *_] = await suggested(code_searches, {"name": "PAMOL 500"})
    assert (first.match.code, agreements(first)["brand"]) == ("93002313", "same")
    [first, *_] = await suggested(code_searches, {"name": "CONTOH 500 tab"})
    assert (first.match.code, agreements(first)["ingredient"], agreements(first)["brand"]) == (
        "93099001",
        "same",
        "same",
    )
