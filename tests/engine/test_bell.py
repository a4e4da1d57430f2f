"""Bell: many rings become few messages, and a hanging broker delays nobody."""

from __future__ import annotations

import asyncio
import threading

import pytest

from engine import actors
from engine.actors import Bell

pytestmark = pytest.mark.anyio


class Actor:
    """Receives messages like a broker; blocked until `go` is set."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.threads: set[int] = set()
        self.go = threading.Event()
        self.called = threading.Event()

    def send(self, facility_id: int) -> None:
        self.threads.add(threading.get_ident())
        self.called.set()
        self.go.wait(10)
        self.heard.append(facility_id)


async def test_many_rings_are_one_message() -> None:
    actor = Actor()
    actor.go.set()
    bell = Bell({"Visit": actor})  # type: ignore[dict-item]
    for _ in range(100):
        bell.ring("Visit", 1)
    await bell.close()
    assert actor.heard == [1]


async def test_a_broker_that_hangs_holds_one_thread_and_gets_the_rest_later() -> None:
    actor = Actor()
    bell = Bell({"Visit": actor})  # type: ignore[dict-item]
    bell.ring("Visit", 1)
    await asyncio.to_thread(actor.called.wait, 10)
    for facility_id in (2, 3, 2):
        bell.ring("Visit", facility_id)
    assert len(actor.threads) == 1
    actor.go.set()
    await bell.close()
    assert (actor.heard[0], set(actor.heard[1:]), len(actor.heard)) == (1, {2, 3}, 3)


async def test_the_end_does_not_wait_for_a_broker_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "LAST_RING_SECONDS", 0.01)
    actor = Actor()
    bell = Bell({"Visit": actor})  # type: ignore[dict-item]
    bell.ring("Visit", 1)
    await asyncio.to_thread(actor.called.wait, 10)
    await bell.close()
    assert actor.heard == []
    actor.go.set()


async def test_a_broker_that_refuses_loses_a_ring_and_no_more() -> None:
    actor = Actor()
    actor.go.set()
    bell = Bell({"Visit": actor})  # type: ignore[dict-item]
    bell.ring("nobody", 1)  # an actor that is not there
    await bell.close()
    bell.ring("Visit", 1)
    await bell.close()
    assert actor.heard == [1]
