"""Hostile requests to the API: answered in bounded time, memory and bytes, without delaying others."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from admin.http import admission, bodies
from admin.http.admission import BodyBudget
from admin.http.api_errors import ApiError
from engine.intake import intake
from engine.json_size import ValueCounter, count_values
from engine.json_text import MAX_PROBLEM_CHARACTERS, MAX_PROBLEMS, MAX_RECORD_BYTES, MAX_RECORD_VALUES, shortened
from engine.time_slice import SLICE_SECONDS, TimeSlice
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

PATH = "/api/v1/records/Visit"
NDJSON = {"Content-Type": "application/x-ndjson"}
GOOD = {"id": "V1", "at": AT}
MAX_STRETCH_SECONDS = 0.25
"""Time of the processor, on a slow machine; many of these took 1 to 10 seconds of it before."""


class Ticks:
    """The longest stretch in which the event loop did nothing else, in seconds of the processor.

    What thousands of tests left in memory is kept from the garbage collector meanwhile: a full collection of that
    takes longer than all that is measured here, and no server has it.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Ticks:
        gc.collect()
        gc.freeze()
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        gc.unfreeze()

    async def _tick(self) -> None:
        while True:
            before = time.thread_time()
            try:
                await asyncio.sleep(0)
            finally:
                self.longest = max(self.longest, time.thread_time() - before)


def unfit(size: int) -> bytes:
    return b'{"x":[' + b",".join([b'{"a":1}'] * (size // 8)) + b"]}"


BOMBS = {
    "an unfit record of 5 MB": (unfit(5_000_000), {}, 413),
    "three of them": (b"\n".join([unfit(5_000_000)] * 3), NDJSON, 413),
    "many unfit ones": (b"\n".join([unfit(75_000)] * 13), NDJSON, 422),
    "many small unfit ones": (b"\n".join([unfit(1_000)] * 900), NDJSON, 422),
    "names": (b"{" + b",".join(b'"k%d":1' % n for n in range(400_000)) + b"}", {}, 413),
    "empty arrays": (b"[" + b"[]," * 5_000_000 + b"1]", {}, 413),
    "numbers of an array": (b"[[" + b",".join([b"1.2345678901234560"] * 200_000) + b"]]", {}, 413),
    "numbers of a line": (b"[" + b",".join([b"1.2345678901234560"] * 200_000) + b"]", NDJSON, 422),
    "quotes": (b'"' * 5_000_000, NDJSON, 422),
    "blank lines": (b"\n" * 16_000_000, NDJSON, 413),
    "unclosed arrays": (b"[" * 200_000, {}, 422),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_and_keeps_nobody_waiting(his: httpx.AsyncClient, name: str) -> None:
    body, headers, status = BOMBS[name]
    async with Ticks() as ticks:
        answer = await his.post(PATH, content=_chunks(body), headers={"Content-Type": "application/json", **headers})
    assert (answer.status_code, len(answer.content) < 3_000_000) == (status, True)
    assert ticks.longest < MAX_STRETCH_SECONDS


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in the pieces in which a network delivers it."""
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]


async def test_a_limit_is_named_with_what_would_be_right(his: httpx.AsyncClient) -> None:
    one = await his.post(PATH, content=unfit(8 * (MAX_RECORD_VALUES // 2)))
    several = await his.post(PATH, content=unfit(8 * bodies.MAX_REQUEST_VALUES), headers=NDJSON)
    assert [answer.status_code for answer in (one, several)] == [413, 413]
    assert f"may have {MAX_RECORD_VALUES} values" in one.json()["error"]["message"]
    assert f"{bodies.MAX_REQUEST_VALUES} JSON values" in several.json()["error"]["message"]


async def test_a_record_of_too_many_values_is_named_and_the_others_stored(his: httpx.AsyncClient) -> None:
    batch = [GOOD, {**GOOD, "id": "V2", "x": [0] * MAX_RECORD_VALUES}, {**GOOD, "id": "V3"}]
    for body, headers in ((orjson.dumps(batch), {}), (b"\n".join(map(orjson.dumps, batch)), NDJSON)):
        results = (await his.post(PATH, content=body, headers=headers)).json()["results"]
        assert [result["status"] == "refused" for result in results] == [False, True, False]
        assert f"may have {MAX_RECORD_VALUES} values" in results[1]["problems"][0]["message"]


async def test_structure_inside_texts_counts_for_nothing(his: httpx.AsyncClient) -> None:
    note = ',[{\\"' * 60_000
    assert (await his.post(PATH, json={**GOOD, "note": note})).status_code == 202


async def test_a_batch_as_large_as_may_be_is_stored_in_slices(his: httpx.AsyncClient) -> None:
    batch = [{"id": f"V{n}", "at": AT, "note": "x" * 1_000} for n in range(bodies.MAX_RECORDS)]
    async with Ticks() as ticks:
        answer = await his.post(PATH, content=_chunks(orjson.dumps(batch)))
    assert answer.json()["accepted"] == bodies.MAX_RECORDS
    assert ticks.longest < MAX_STRETCH_SECONDS


@pytest.mark.parametrize(
    "record",
    [
        {**GOOD, "note": {"a": "x" * 900_000}},
        {**GOOD, "id": ["x" * 900_000]},
        {**GOOD, "id": "x" * 900_000},
        {**GOOD, "x" * 900_000: "\x00"},
        {**GOOD, "findings": [5] * 10_000},
        {**GOOD, "findings": ["\x00"] * 10_000},
    ],
)
async def test_the_answer_to_an_unfit_value_is_bounded(his: httpx.AsyncClient, record: dict[str, Any]) -> None:
    answer = await his.post(PATH, content=orjson.dumps(record))
    assert answer.status_code == 422
    assert len(answer.content) < 4 * MAX_PROBLEMS * MAX_PROBLEM_CHARACTERS
    [result] = answer.json()["results"]
    assert 0 < len(result["problems"]) <= MAX_PROBLEMS


async def test_the_end_of_a_shortened_message_still_says_what_is_wrong(his: httpx.AsyncClient) -> None:
    answer = await his.post(PATH, json={**GOOD, "note": ["x" * 4_000]})
    assert answer.json()["results"][0]["problems"][0]["message"].endswith('is not of type "string"')
    assert shortened("x" * 50, 50) == "x" * 50
    assert len(shortened("x" * 51, 50)) == 50


async def test_all_problems_of_small_records_are_told_and_the_first_of_large_ones(antar: SmallHub) -> None:
    small, large = {"id": 5, "note": 5}, {"id": 5, "note": 5, "x": "x" * intake.MAX_FULL_CHECK_CHARACTERS}
    refused = await antar.hub.intake.check(antar.facility, "Visit", [small, large, small])
    assert [len(refusal.problems) for refusal in refused] == [3, 1, 3]


async def test_only_so_much_of_a_request_is_checked_in_full(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_FULL_CHECKS_CHARACTERS", 50)
    refused = await antar.hub.intake.check(antar.facility, "Visit", [{"id": 5, "note": 5}] * 4)
    assert [len(refusal.problems) for refusal in refused] == [3, 3, 1, 1]


def test_values_are_counted_however_the_text_is_cut() -> None:
    numbers = random.Random(7)
    for _ in range(300):
        value = _random_value(numbers, 0)
        text = orjson.dumps(value)
        counter, position = ValueCounter(), 0
        while position < len(text):
            size = numbers.randint(1, 7)
            counter.feed(text[position : position + size])
            position += size
        assert counter.values == count_values(text) == _values(value), text


def _random_value(numbers: random.Random, depth: int) -> Any:
    kind = numbers.random()
    if depth < 5 and kind < 0.35:
        names = ["a", "b,", 'c"', "\\", "{["]
        return {numbers.choice(names): _random_value(numbers, depth + 1) for _ in range(numbers.randint(1, 4))}
    if depth < 5 and kind < 0.7:
        return [_random_value(numbers, depth + 1) for _ in range(numbers.randint(1, 4))]
    return numbers.choice([',"a,b"', '"', "\\", '\\"', 'x\\\\"[', 1, 2.5, None, True, "[{,"])


def _values(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_values, inner))


async def test_long_work_lets_others_run_and_short_work_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("engine.time_slice.time.monotonic", lambda: now)
    time_slice, steps = TimeSlice(), []
    others = asyncio.create_task(_note(steps))
    await time_slice.pause()
    assert steps == []
    now += SLICE_SECONDS
    await time_slice.pause()
    assert steps == ["others"]
    await others


async def _note(steps: list[str]) -> None:
    steps.append("others")


def test_one_clinic_cannot_take_the_memory_of_all() -> None:
    budget = BodyBudget()
    with budget.reserve(1) as first, budget.reserve(1) as second, budget.reserve(2) as other:
        first(admission.MAX_CLINIC_BYTES)
        with pytest.raises(ApiError, match="try again"):
            second(1)
        other(admission.MAX_CLINIC_BYTES)
        with budget.reserve(3) as third, pytest.raises(ApiError, match="try again"):
            third(admission.MAX_PROCESS_BYTES - 2 * admission.MAX_CLINIC_BYTES + 1)
    with budget.reserve(1) as again:
        again(admission.MAX_CLINIC_BYTES)


async def test_a_request_without_room_is_asked_to_come_again(
    his: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MAX_CLINIC_BYTES", 10)
    answer = await his.post(PATH, json=GOOD)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert (await his.post(PATH, json=GOOD)).status_code == 202


@pytest.mark.parametrize("body", [b"[1, 2", b"[1 2]", b"[1,]", b"[1] 2", b"[", b"[,1]", b'[{"a": 1}, {"a": 1]'])
async def test_a_broken_array_is_named_with_its_place(his: httpx.AsyncClient, body: bytes) -> None:
    answer = await his.post(PATH, content=body)
    assert (answer.status_code, "line 1, column" in answer.text) == (400, True)


@pytest.mark.parametrize("body", [b" [ ] ", b"[]"])
async def test_an_empty_array_is_an_empty_batch(his: httpx.AsyncClient, body: bytes) -> None:
    assert await bodies.parse(body, "application/json") == (True, [])


def test_the_largest_record_fits_into_a_request() -> None:
    assert MAX_RECORD_BYTES < bodies.MAX_REQUEST_BYTES < admission.MAX_CLINIC_BYTES
