"""Mapping: items are submitted and get codes; deliveries wait for a code and are sent with it."""

from __future__ import annotations

import pytest

from engine.intake.intake import Accepted, Refused
from engine.mapping import queries
from engine.mapping.confirm import Choice, confirm, remove
from tests.engine.drug_catalog import DrugCatalog
from tests.engine.drug_catalog import drugs as drugs

pytestmark = pytest.mark.anyio

COFFEE = {"code": "B1", "name": "Kopi bubuk 10 mg"}


async def outcomes(drugs: DrugCatalog, *records: dict[str, object]) -> list[str]:
    taken = await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", records)
    return [result.outcome if isinstance(result, Accepted) else "refused" for result in taken]


async def state(drugs: DrugCatalog, key: str = "B1") -> tuple[str, str | None, str | None]:
    row = await drugs.item(key)
    return row.state, row.code, row.reason


async def waiting_order(drugs: DrugCatalog, *goods: str) -> None:
    await drugs.antar.hand_in("Order", {"id": "O1", "goods": list(goods or ("B1",))})
    await drugs.antar.work()


async def test_items_come_in_by_the_door_of_records(drugs: DrugCatalog) -> None:
    assert await outcomes(drugs, COFFEE, {"code": "B2", "name": "Teh"}) == ["accepted", "accepted"]
    assert await outcomes(drugs, COFFEE, {"code": "B2", "name": "Teh hijau"}) == ["unchanged", "changed"]
    assert await outcomes(drugs, {"code": "B3"}, {"code": "", "name": "x"}) == ["refused", "refused"]


async def test_a_faulty_item_is_told_where(drugs: DrugCatalog) -> None:
    [refused] = await drugs.antar.hub.intake.hand_in(drugs.facility, "Good", [{"code": "B1", "name": 5}])
    assert isinstance(refused, Refused)
    assert (refused.key, refused.problems[0].path) == ("B1", "$.name")
    [refused] = await drugs.antar.hub.intake.check(drugs.facility, "Good", [{"code": "B1"}, COFFEE])
    assert refused.index == 0


async def test_what_needs_an_item_waits_until_it_has_a_code(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await waiting_order(drugs)
    assert await drugs.antar.status("Order", "O1") == "blocked"
    assert await drugs.antar.waits("Order", "O1") == [("Good", "B1")]
    confirmed = await drugs.confirm("B1", "C1")
    assert (len(confirmed.done), confirmed.channels) == (1, {drugs.antar.channel})
    await drugs.antar.work()
    assert drugs.antar.ministry.posts[-1]["goods"] == [{"code": "C1", "name": "Kopi 10 mg Bubuk"}]


async def test_an_item_that_was_never_handed_in_is_waited_for_too(drugs: DrugCatalog) -> None:
    await waiting_order(drugs, "B1", "B9")
    await outcomes(drugs, COFFEE, {"code": "B9", "name": "Kopi cair"})
    await drugs.confirm("B1", "C1")
    await drugs.antar.work()
    assert await drugs.antar.status("Order", "O1") == "blocked"
    await drugs.confirm("B9", "C3")
    await drugs.antar.work()
    assert await drugs.antar.status("Order", "O1") == "sent"


async def test_a_code_of_the_wrong_level_does_not_do(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.antar.hand_in("Handover", {"id": "H1", "good": "B1"})
    await drugs.confirm("B1", "R1")
    await drugs.antar.work()
    assert await drugs.antar.status("Handover", "H1") == "blocked"
    await drugs.confirm("B1", "C1", seen="R1")
    await drugs.antar.work()
    assert await drugs.antar.status("Handover", "H1") == "sent"


async def test_only_codes_that_are_there_and_may_be_chosen_are_confirmed(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.read_register("C2")
    for code in ("P1", "C2", "nowhere"):
        assert (await drugs.confirm("B1", code)).unknown == ((await drugs.item("B1")).id,)
    assert await state(drugs) == ("unmapped", None, None)


async def test_who_comes_second_does_not_overwrite_the_first(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.confirm("B1", "C1")
    second = await drugs.confirm("B1", "C2", seen=None, actor="budi")
    assert (second.done, len(second.overtaken)) == ((), 1)
    assert (await drugs.confirm("B1", "C1", seen=None)).done
    assert await state(drugs) == ("mapped", "C1", None)


async def test_another_facility_cannot_give_codes_here(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    choice = Choice((await drugs.item("B1")).id, "C1")
    result = await confirm(drugs.database, drugs.mapping, drugs.facility.id + 1, [choice], "x")
    assert (result.done, await state(drugs)) == ((), ("unmapped", None, None))


async def test_an_item_that_changes_where_it_is_compared_must_be_looked_at(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.confirm("B1", "C1")
    await outcomes(drugs, {**COFFEE, "shelf": "A2"})
    assert await state(drugs) == ("mapped", "C1", None)
    await outcomes(drugs, {**COFFEE, "name": "Kopi bubuk 20 mg"})
    assert await state(drugs) == ("review", "C1", "changed")
    await waiting_order(drugs)
    assert await drugs.antar.status("Order", "O1") == "blocked"


async def test_a_withdrawn_code_sends_its_items_to_review_until_it_is_back(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.confirm("B1", "C1")
    await drugs.read_register("C1")
    assert await state(drugs) == ("review", "C1", "withdrawn")
    await waiting_order(drugs)
    assert await drugs.antar.status("Order", "O1") == "blocked"
    await drugs.read_register()
    await drugs.antar.work()
    assert await drugs.antar.status("Order", "O1") == "sent"


async def test_what_was_sent_with_another_code_is_found(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.confirm("B1", "C1")
    await waiting_order(drugs)
    item = (await drugs.item("B1")).id
    assert await queries.outdated(drugs.database, drugs.mapping, drugs.facility.id, item) == []
    await drugs.confirm("B1", "C2", seen="C1")
    outdated = await queries.outdated(drugs.database, drugs.mapping, drugs.facility.id, item)
    assert outdated == [(await drugs.antar.row("Order", "O1")).id]


async def test_taking_a_code_away_holds_back_what_comes_next(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE)
    await drugs.confirm("B1", "C1")
    item = (await drugs.item("B1")).id
    assert await remove(drugs.database, drugs.mapping, drugs.facility.id, item, "sari")
    assert not await remove(drugs.database, drugs.mapping, drugs.facility.id, item, "sari")
    await waiting_order(drugs)
    assert await drugs.antar.status("Order", "O1") == "blocked"


async def test_the_pages_read_counts_order_and_history(drugs: DrugCatalog) -> None:
    await outcomes(drugs, COFFEE, {"code": "B2", "name": "Teh"}, {"code": "B3", "name": "Es", "active": False})
    await waiting_order(drugs, "B2")
    at = (drugs.database, drugs.mapping, drugs.facility.id)
    counted = await queries.counts(*at)
    assert (counted.total, counted.unmapped, counted.waiting, counted.percent) == (2, 2, 1, 0)
    first = await queries.page(*at, "unmapped", size=1)
    assert ([row.key for row in first.rows], first.rows[0].waiting) == (["B2"], 1)
    assert [row.key for row in (await queries.page(*at, "unmapped", after=first.next)).rows] == ["B1"]
    await drugs.confirm("B1", "C1")
    item = (await drugs.item("B1")).id
    assert [(change.actor, change.action, change.code) for change in await queries.history(at[0], item)] == [
        ("sari", "mapped", "C1")
    ]
    [mapped] = (await queries.page(*at, "mapped", "c1")).rows or (await queries.page(*at, "mapped", "kopi")).rows
    assert queries.content_of(mapped)["name"] == "Kopi 10 mg Bubuk"
