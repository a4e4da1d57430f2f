"""Items come in, people give them codes, what needs a code waits for it and is sent with it."""

from __future__ import annotations

import pytest

from engine.intake.intake import Accepted, Refused
from engine.mapping import queries
from engine.mapping.confirm import Choice, confirm, remove
from tests.engine.drug_catalog import Apothecary
from tests.engine.drug_catalog import apothecary as apothecary

pytestmark = pytest.mark.anyio

COFFEE = {"code": "B1", "name": "Kopi bubuk 10 mg"}


async def outcomes(apothecary: Apothecary, *records: dict[str, object]) -> list[str]:
    taken = await apothecary.house.hub.intake.hand_in(apothecary.facility, "Good", records)
    return [each.outcome if isinstance(each, Accepted) else "refused" for each in taken]


async def state(apothecary: Apothecary, key: str = "B1") -> tuple[str, str | None, str | None]:
    row = await apothecary.item(key)
    return row.state, row.code, row.reason


async def waiting_order(apothecary: Apothecary, *goods: str) -> None:
    await apothecary.house.hand_in("Order", {"id": "O1", "goods": list(goods or ("B1",))})
    await apothecary.house.work()


async def test_items_come_in_by_the_door_of_records(apothecary: Apothecary) -> None:
    assert await outcomes(apothecary, COFFEE, {"code": "B2", "name": "Teh"}) == ["accepted", "accepted"]
    assert await outcomes(apothecary, COFFEE, {"code": "B2", "name": "Teh hijau"}) == ["unchanged", "changed"]
    assert await outcomes(apothecary, {"code": "B3"}, {"code": "", "name": "x"}) == ["refused", "refused"]


async def test_a_faulty_item_is_told_where(apothecary: Apothecary) -> None:
    [refused] = await apothecary.house.hub.intake.hand_in(apothecary.facility, "Good", [{"code": "B1", "name": 5}])
    assert isinstance(refused, Refused)
    assert (refused.key, refused.problems[0].path) == ("B1", "$.name")
    [refused] = await apothecary.house.hub.intake.check(apothecary.facility, "Good", [{"code": "B1"}, COFFEE])
    assert refused.index == 0


async def test_what_needs_an_item_waits_until_it_has_a_code(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await waiting_order(apothecary)
    assert await apothecary.house.status("Order", "O1") == "blocked"
    assert await apothecary.house.waits("Order", "O1") == [("Good", "B1")]
    confirmed = await apothecary.confirm("B1", "C1")
    assert (confirmed.done, confirmed.channels) == (1, {apothecary.house.channel})
    await apothecary.house.work()
    assert apothecary.house.ministry.posts[-1]["goods"] == [{"code": "C1", "name": "Kopi 10 mg Bubuk"}]


async def test_an_item_that_was_never_handed_in_is_waited_for_too(apothecary: Apothecary) -> None:
    await waiting_order(apothecary, "B1", "B9")
    await outcomes(apothecary, COFFEE, {"code": "B9", "name": "Kopi cair"})
    await apothecary.confirm("B1", "C1")
    await apothecary.house.work()
    assert await apothecary.house.status("Order", "O1") == "blocked"
    await apothecary.confirm("B9", "C3")
    await apothecary.house.work()
    assert await apothecary.house.status("Order", "O1") == "sent"


async def test_a_code_of_the_wrong_level_does_not_do(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.house.hand_in("Handover", {"id": "H1", "good": "B1"})
    await apothecary.confirm("B1", "R1")
    await apothecary.house.work()
    assert await apothecary.house.status("Handover", "H1") == "blocked"
    await apothecary.confirm("B1", "C1", seen="R1")
    await apothecary.house.work()
    assert await apothecary.house.status("Handover", "H1") == "sent"


async def test_only_codes_that_are_there_and_may_be_chosen_are_confirmed(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.read_register("C2")
    for code in ("P1", "C2", "nowhere"):
        assert (await apothecary.confirm("B1", code)).unknown == ((await apothecary.item("B1")).id,)
    assert await state(apothecary) == ("unmapped", None, None)


async def test_who_comes_second_does_not_overwrite_the_first(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.confirm("B1", "C1")
    second = await apothecary.confirm("B1", "C2", seen=None, actor="budi")
    assert (second.done, len(second.overtaken)) == (0, 1)
    assert (await apothecary.confirm("B1", "C1", seen=None)).done == 1
    assert await state(apothecary) == ("mapped", "C1", None)


async def test_another_facility_cannot_give_codes_here(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    choice = Choice((await apothecary.item("B1")).id, "C1")
    result = await confirm(apothecary.database, apothecary.mapping, apothecary.facility.id + 1, [choice], "x")
    assert (result.done, await state(apothecary)) == (0, ("unmapped", None, None))


async def test_an_item_that_changes_where_it_is_compared_must_be_looked_at(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.confirm("B1", "C1")
    await outcomes(apothecary, {**COFFEE, "shelf": "A2"})
    assert await state(apothecary) == ("mapped", "C1", None)
    await outcomes(apothecary, {**COFFEE, "name": "Kopi bubuk 20 mg"})
    assert await state(apothecary) == ("review", "C1", "changed")
    await waiting_order(apothecary)
    assert await apothecary.house.status("Order", "O1") == "blocked"


async def test_a_withdrawn_code_sends_its_items_to_review_until_it_is_back(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.confirm("B1", "C1")
    await apothecary.read_register("C1")
    assert await state(apothecary) == ("review", "C1", "withdrawn")
    await waiting_order(apothecary)
    assert await apothecary.house.status("Order", "O1") == "blocked"
    await apothecary.read_register()
    await apothecary.house.work()
    assert await apothecary.house.status("Order", "O1") == "sent"


async def test_what_was_sent_with_another_code_is_found(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.confirm("B1", "C1")
    await waiting_order(apothecary)
    item = (await apothecary.item("B1")).id
    assert await queries.outdated(apothecary.database, apothecary.mapping, apothecary.facility.id, item) == []
    await apothecary.confirm("B1", "C2", seen="C1")
    outdated = await queries.outdated(apothecary.database, apothecary.mapping, apothecary.facility.id, item)
    assert outdated == [(await apothecary.house.row("Order", "O1")).id]


async def test_taking_a_code_away_holds_back_what_comes_next(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE)
    await apothecary.confirm("B1", "C1")
    item = (await apothecary.item("B1")).id
    assert await remove(apothecary.database, apothecary.mapping, apothecary.facility.id, item, "sari")
    assert not await remove(apothecary.database, apothecary.mapping, apothecary.facility.id, item, "sari")
    await waiting_order(apothecary)
    assert await apothecary.house.status("Order", "O1") == "blocked"


async def test_the_pages_read_counts_order_and_history(apothecary: Apothecary) -> None:
    await outcomes(apothecary, COFFEE, {"code": "B2", "name": "Teh"}, {"code": "B3", "name": "Es", "active": False})
    await waiting_order(apothecary, "B2")
    at = (apothecary.database, apothecary.mapping, apothecary.facility.id)
    counted = await queries.counts(*at)
    assert (counted.total, counted.unmapped, counted.waiting, counted.percent) == (2, 2, 1, 0)
    first = await queries.page(*at, "unmapped", size=1)
    assert ([row.key for row in first.rows], first.rows[0].waiting) == (["B2"], 1)
    assert [row.key for row in (await queries.page(*at, "unmapped", after=first.next)).rows] == ["B1"]
    await apothecary.confirm("B1", "C1")
    item = (await apothecary.item("B1")).id
    assert [(each.actor, each.action, each.code) for each in await queries.history(at[0], item)] == [
        ("sari", "mapped", "C1")
    ]
    [mapped] = (await queries.page(*at, "mapped", "c1")).rows or (await queries.page(*at, "mapped", "kopi")).rows
    assert queries.content_of(mapped)["name"] == "Kopi 10 mg Bubuk"
