"""Tasks by key: what has ended is free again, an error is reported, and a cancelled task is no error."""

from __future__ import annotations

import asyncio

import pytest

from engine.keyed_tasks import KeyedTasks

pytestmark = pytest.mark.anyio


@pytest.fixture
def errors() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def tasks(errors: list[tuple[str, str]]) -> KeyedTasks[str]:
    return KeyedTasks(lambda key, error: errors.append((key, str(error))))


async def test_a_key_is_free_again_when_its_task_has_ended(tasks: KeyedTasks[str]) -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    tasks.begin("a", wait())
    assert ("a" in tasks, len(tasks)) == (True, 1)
    release.set()
    await tasks.idle()
    assert ("a" in tasks, len(tasks)) == (False, 0)


async def test_an_error_is_reported_with_its_key(tasks: KeyedTasks[str], errors: list[tuple[str, str]]) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    tasks.begin("a", fail())
    await tasks.idle()
    assert errors == [("a", "broken")]


async def test_cancelling_ends_all_and_reports_nothing(tasks: KeyedTasks[str], errors: list[tuple[str, str]]) -> None:
    for key in ("a", "b"):
        tasks.begin(key, asyncio.Event().wait())  # type: ignore[arg-type]
    await tasks.cancel()
    assert (len(tasks), errors) == (0, [])
