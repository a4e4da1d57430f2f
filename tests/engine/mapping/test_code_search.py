"""The codes of a mapping are searched, suggested and compared; a newer copy takes the old one's place by itself."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Verdict
from engine.mapping import queries
from tests.engine.drug_catalog import Apothecary
from tests.engine.drug_catalog import apothecary as apothecary
from tests.engine.small_hub import accepted, refused

pytestmark = pytest.mark.anyio


async def item(apothecary: Apothecary, name: str) -> Any:
    await apothecary.house.hub.intake.hand_in(apothecary.facility, "Good", [{"code": "B1", "name": name}])
    row = await queries.one(
        apothecary.database, apothecary.mapping, apothecary.facility.id, (await apothecary.item("B1")).id
    )
    assert row is not None
    return row


async def searched(apothecary: Apothecary, query: str) -> list[str]:
    hub = apothecary.house.hub
    return [each.code for each in await hub.catalogues.search(apothecary.mapping, apothecary.facility.id, query)]


async def test_only_what_may_be_chosen_is_found_by_its_words(apothecary: Apothecary) -> None:
    assert set(await searched(apothecary, "kopi")) == {"C1", "C2", "C3", "R1"}
    assert (await searched(apothecary, "kpoi 20"))[0] == "C2"


async def test_a_whole_code_is_found_although_it_may_not_be_chosen(apothecary: Apothecary) -> None:
    [found] = await apothecary.house.hub.catalogues.search(apothecary.mapping, apothecary.facility.id, "P1")
    assert (found.code, found.choosable, found.gone) == ("P1", False, False)


async def test_the_likeliest_code_comes_first_with_its_parts(apothecary: Apothecary) -> None:
    row = await item(apothecary, "Kopi bbk 20mg")
    found = await apothecary.house.hub.catalogues.suggest(apothecary.mapping, apothecary.facility, row)
    assert (found[0].match.code, found[0].suggestion.vetoes) == ("C2", ())
    others = {each.match.code: [veto.part.name for veto in each.suggestion.vetoes] for each in found[1:]}
    assert others == {"C1": ["amount"]}


async def test_a_new_copy_is_searched_as_soon_as_it_is_there(apothecary: Apothecary) -> None:
    catalogues = apothecary.house.hub.catalogues
    first = await catalogues.ready(apothecary.mapping, apothecary.facility.id)
    assert await catalogues.ready(apothecary.mapping, apothecary.facility.id) is first
    await apothecary.read_register("C2")
    assert await catalogues.ready(apothecary.mapping, apothecary.facility.id) is first  # until the next one is built
    await catalogues.settled()
    assert "C2" not in await searched(apothecary, "kopi 20")


async def test_a_code_that_the_copy_lacks_is_asked_for(apothecary: Apothecary) -> None:
    row = {"code": "C9", "name": "Kopi 90 mg", "level": "finished", "amount": "90 mg", "form": None, "successor": None}
    apothecary.house.ministry.script = [accepted(found={**row, "withdrawn": False}), accepted(found=None)]
    catalogues, at = apothecary.house.hub.catalogues, (apothecary.mapping, apothecary.facility)
    found = await catalogues.detail(*at, "C9")
    assert found is not None
    assert (found.name, found.choosable) == ("Kopi 90 mg", True)
    assert await catalogues.detail(*at, "C10") is None
    assert (await catalogues.detail(*at, "C9")) == found  # from the copy: the ministry's script is empty by now


async def test_a_code_that_cannot_be_asked_for_is_no_code_that_is_not_there(apothecary: Apothecary) -> None:
    apothecary.house.ministry.script = [refused(Verdict.REJECTED, 403)]
    with pytest.raises(Exception, match="Kementerian"):
        await apothecary.house.hub.catalogues.detail(apothecary.mapping, apothecary.facility, "C9")


async def test_one_code_is_compared_with_an_item(apothecary: Apothecary) -> None:
    row = await item(apothecary, "Kopi bubuk 10 mg")
    compared = await apothecary.house.hub.catalogues.compare(apothecary.mapping, apothecary.facility, row, "C3")
    assert compared is not None
    assert [(each.part.label, each.agreement) for each in compared.suggestion.compared] == [
        ("Nama", "close"),
        ("Kekuatan", "same"),
        ("Bentuk", "different"),
    ]
