"""Barriers: requests wait here until they are released, so that others can act meanwhile."""

from __future__ import annotations

import asyncio
import threading


class Barrier:
    """Holds any number of requests. Safe to release and to watch from another thread or loop."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def wait(self) -> None:
        """Wait for the release; called by the request that is waiting."""
        loop = asyncio.get_running_loop()
        released: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting[released] = loop
            self._lock.notify_all()
        try:
            await released
        finally:
            self._waiting.pop(released, None)

    def release(self) -> int:
        """Release every waiting request. Return their number."""
        with self._lock:
            waiting = dict(self._waiting)
            self._waiting.clear()
        for released, loop in waiting.items():
            loop.call_soon_threadsafe(_set_if_open, released)
        return len(waiting)

    def reached(self, count: int = 1, timeout: float = 5.0) -> bool:
        """Block the calling thread until `count` requests wait here, at most `timeout` seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: self.waiting >= count, timeout)


def _set_if_open(released: asyncio.Future[None]) -> None:
    if not released.done():
        released.set_result(None)


class Barriers:
    """All barriers by name; a barrier is created when it is first named."""

    def __init__(self) -> None:
        self._named: dict[str, Barrier] = {}

    def __getitem__(self, name: str) -> Barrier:
        return self._named.setdefault(name, Barrier())

    def release_all(self) -> None:
        for barrier in self._named.values():
            barrier.release()

    def waiting(self) -> dict[str, int]:
        return {name: barrier.waiting for name, barrier in self._named.items()}
