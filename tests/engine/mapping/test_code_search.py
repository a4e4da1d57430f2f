"""Codes of a mapping: search, suggestions and comparison; a newer copy replaces the older one at once."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Verdict
from engine.mapping import queries
from tests.engine.drug_catalog import DrugCatalog
from tests.engine.drug_catalog import drugs as drugs
from tests.engine.small_hub import accepted, refused

pytestmark = pytest.mark.anyio


async def item(drugs: DrugCatalog, name: str) -> Any:
    await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", [{"code": "B1", "name": name}])
    row = await queries.one(drugs.database, drugs.mapping, drugs.facility.id, (await drugs.item("B1")).id)
    assert row is not None
    return row


async def searched(drugs: DrugCatalog, query: str) -> list[str]:
    hub = drugs.antar.hub
    return [match.code for match in await hub.code_searches.search(drugs.mapping, drugs.facility.id, query)]


async def test_only_what_may_be_chosen_is_found_by_its_words(drugs: DrugCatalog) -> None:
    assert set(await searched(drugs, "kopi")) == {"C1", "C2", "C3", "R1"}
    assert (await searched(drugs, "kpoi 20"))[0] == "C2"


async def test_a_whole_code_is_found_although_it_may_not_be_chosen(drugs: DrugCatalog) -> None:
    [match] = await drugs.antar.hub.code_searches.search(drugs.mapping, drugs.facility.id, "P1")
    assert (match.code, match.choosable, match.gone) == ("P1", False, False)


async def test_the_likeliest_code_comes_first_with_its_parts(drugs: DrugCatalog) -> None:
    row = await item(drugs, "Kopi bbk 20mg")
    suggestions = await drugs.antar.hub.code_searches.suggest(drugs.mapping, drugs.facility, row)
    assert (suggestions[0].match.code, suggestions[0].suggestion.vetoes) == ("C2", ())
    others = {
        suggested.match.code: [veto.part.name for veto in suggested.suggestion.vetoes] for suggested in suggestions[1:]
    }
    assert others == {"C1": ["amount"]}


async def test_a_new_copy_is_searched_as_soon_as_it_is_there(drugs: DrugCatalog) -> None:
    code_searches = drugs.antar.hub.code_searches
    first = await code_searches.ready(drugs.mapping, drugs.facility.id)
    assert await code_searches.ready(drugs.mapping, drugs.facility.id) is first
    await drugs.read_register("C2")
    assert await code_searches.ready(drugs.mapping, drugs.facility.id) is first  # until the next one is built
    await code_searches.settled()
    assert "C2" not in await searched(drugs, "kopi 20")


async def test_a_code_that_the_copy_lacks_is_asked_for(drugs: DrugCatalog) -> None:
    row = {"code": "C9", "name": "Kopi 90 mg", "level": "finished", "amount": "90 mg", "form": None, "successor": None}
    drugs.antar.ministry.script = [accepted(found={**row, "withdrawn": False}), accepted(found=None)]
    code_searches, at = drugs.antar.hub.code_searches, (drugs.mapping, drugs.facility)
    match = await code_searches.detail(*at, "C9")
    assert match is not None
    assert (match.name, match.choosable) == ("Kopi 90 mg", True)
    assert await code_searches.detail(*at, "C10") is None
    assert (await code_searches.detail(*at, "C9")) == match  # from the copy: the ministry's script is empty by now


async def test_a_code_that_cannot_be_asked_for_is_no_code_that_is_not_there(drugs: DrugCatalog) -> None:
    drugs.antar.ministry.script = [refused(Verdict.REJECTED, 403)]
    with pytest.raises(Exception, match="Kementerian"):
        await drugs.antar.hub.code_searches.detail(drugs.mapping, drugs.facility, "C9")


async def test_one_code_is_compared_with_an_item(drugs: DrugCatalog) -> None:
    row = await item(drugs, "Kopi bubuk 10 mg")
    compared = await drugs.antar.hub.code_searches.compare(drugs.mapping, drugs.facility, row, "C3")
    assert compared is not None
    assert [(part.part.name, part.agreement) for part in compared.suggestion.compared] == [
        ("name", "close"),
        ("amount", "same"),
        ("form", "different"),
    ]
