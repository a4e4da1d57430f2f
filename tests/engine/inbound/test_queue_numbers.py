"""Queue numbers: none twice, one per card, poli and day; each request is stored with its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.catalog import load
from engine.code_lists import synchronisations
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.inbound import queue_numbers, requests, tokens
from engine.inbound.queue_numbers import QueueNumbers, QueueRequest
from engine.inbound.requests import CallerRequest, QueueAnswer
from engine.specs.code_list import CodeListRow
from engine.specs.inbound import Inbound

pytestmark = pytest.mark.anyio

[SERVICE] = load(Path(__file__).parents[3] / "config").inbound.values()
DAY = "2026-03-10"
CARDS = [f"{n:013d}" for n in range(1, 31)]


async def opened(database: Database, facility: FacilityRow, places: int = 30, hours: str = "08:00-12:00") -> None:
    """Open a poli with one doctor on the day."""
    doctor = {"poli": "Umum", "code": "7", "name": "dr. Sari", "hours": hours, "places": places}
    await copied(database, facility, SERVICE.polis, [CodeListRow(f"{DAY}/001", {"code": "001", "name": "Umum"})])
    await copied(database, facility, SERVICE.shifts, [CodeListRow(f"{DAY}/001/7/{hours}", doctor)])


async def copied(database: Database, facility: FacilityRow, name: str, rows: Sequence[CodeListRow]) -> None:
    await synchronisations.begin(database, facility.id, name, "uji")
    held = await synchronisations.lease_next(database)
    assert held is not None
    await synchronisations.store_page(database, held, rows, done=1, offset=0, total=1)
    await synchronisations.finish(database, held)


def wish(card: str = CARDS[0], **fields: Any) -> QueueRequest:
    return QueueRequest(**{"card": card, "poli": "001", "date": DAY, "registered": True, **fields})


async def take(
    database: Database, facility: FacilityRow, wished: QueueRequest, service: Inbound = SERVICE
) -> QueueAnswer:
    book, outcomes = QueueNumbers(facility, service, database.clock()), []

    def tell(outcome: QueueAnswer) -> dict[str, Any]:
        outcomes.append(outcome)
        return dict(outcome.values or {})

    asked = CallerRequest(facility, service, "take", wished.card, {"card": wished.card})
    await requests.answer(database, asked, lambda tx: book.give(tx, wished), tell)
    return outcomes[-1]


async def test_thirty_at_once_get_thirty_numbers(database: Database, facility: FacilityRow) -> None:
    await opened(database, facility)
    given = await asyncio.gather(*(take(database, facility, wish(card)) for card in CARDS))
    assert sorted((answer.values or {})["number"] for answer in given) == list(range(1, 31))


async def test_a_double_click_gives_one_number(database: Database, facility: FacilityRow) -> None:
    await opened(database, facility)
    given = await asyncio.gather(*(take(database, facility, wish()) for _ in range(5)))
    assert sorted(answer.word for answer in given) == ["done", "twice", "twice", "twice", "twice"]


async def test_the_last_place_is_given_once(database: Database, facility: FacilityRow) -> None:
    await opened(database, facility, places=3)
    given = await asyncio.gather(*(take(database, facility, wish(card)) for card in CARDS[:6]))
    assert sorted(answer.word for answer in given) == ["done"] * 3 + ["full"] * 3


async def test_a_cancelled_number_is_not_given_again(database: Database, facility: FacilityRow) -> None:
    await opened(database, facility, places=1)
    await take(database, facility, wish())
    book = QueueNumbers(facility, SERVICE, database.clock())
    assert (await database.write(lambda tx: book.cancel(tx, wish()))).word == "done"
    assert ((await take(database, facility, wish())).values or {})["number"] == 2


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"poli": "999"}, "poli"),
        ({"date": "2026-03-09"}, "past"),
        ({"date": "2026-03-11"}, "closed"),
        ({"doctor": "8", "hours": "08:00-12:00"}, "closed"),
        ({"doctor": "7", "hours": "08:00-13:00"}, "closed"),
        ({"registered": False}, "stranger"),
        ({"doctor": "7", "hours": "08:00-12:00"}, "done"),
    ],
)
async def test_each_refusal_has_its_text(
    database: Database, facility: FacilityRow, fields: dict[str, Any], word: str
) -> None:
    await opened(database, facility)
    assert (await take(database, facility, wish(**fields))).word == word


async def test_nobody_queues_for_hours_that_are_over(database: Database, facility: FacilityRow) -> None:
    await opened(database, facility, hours="06:00-07:00")
    assert (await take(database, facility, wish())).word == "closed"


async def test_a_called_number_cannot_be_cancelled_and_leaves_fewer_waiting(
    database: Database, facility: FacilityRow
) -> None:
    await opened(database, facility)
    for card in CARDS[:3]:
        await take(database, facility, wish(card))
    assert await queue_numbers.call(database, facility.id, "001", DAY, 1)
    book = QueueNumbers(facility, SERVICE, database.clock())
    assert (await database.write(lambda tx: book.cancel(tx, wish()))).word == "served"
    place = (await database.write(lambda tx: book.show(tx, wish(CARDS[2])))).values or {}
    assert (place["number"], place["waiting"], place["called"]) == (3, 1, 1)


async def test_what_was_asked_is_kept_with_its_answer_until_taken(database: Database, facility: FacilityRow) -> None:
    await opened(database, facility)
    await take(database, facility, wish())
    [kept] = await requests.after(database, facility.id, 0, 10)
    assert (kept["code"], kept["content"], kept["taken_at"]) == (200, {"card": CARDS[0]}, None)
    assert await requests.mark_taken(database, facility.id, kept["id"])
    assert not await requests.mark_taken(database, facility.id + 1, kept["id"])
    assert await requests.after(database, facility.id, kept["id"], 10) == []


def test_a_token_ends_and_is_void_elsewhere_or_under_other_credentials() -> None:
    secrets, key = {"username": "bpjs", "password": "rahasia"}, "kunci"
    token = tokens.issue(key, "inbound:a", 1, secrets, 10_000)

    def good(key: str = key, account: str = "inbound:a", facility: int = 1, now: int = 0, **changed: str) -> bool:
        return tokens.is_good(key, account, facility, {**secrets, **changed}, token, now)

    assert good()
    assert not any([good("x"), good(account="b"), good(facility=2), good(now=10_000), good(password="baru")])


def test_no_credentials_let_nobody_in() -> None:
    assert not tokens.is_login({}, "", "")
