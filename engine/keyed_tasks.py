"""Runs at most one task for each key, such as a clinic's queue, a source or a subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class KeyedTasks(Generic[K]):
    """Running tasks by their key. `failed` is called with the key and the error of a task that raised one."""

    def __init__(self, failed: Callable[[K, BaseException], None]) -> None:
        self._failed = failed
        self._tasks: dict[K, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, key: K) -> bool:
        return key in self._tasks

    def begin(self, key: K, work: Coroutine[Any, Any, None]) -> None:
        """Run the work as the task of a key that has none."""
        task = self._tasks[key] = asyncio.create_task(work)
        task.add_done_callback(partial(self._ended, key))

    async def idle(self) -> None:
        """Return when no task is running."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)  # lets the callbacks of the ended tasks run

    async def cancel(self) -> None:
        """Cancel all tasks; return when they have ended."""
        for task in self._tasks.values():
            task.cancel()
        await self.idle()

    def _ended(self, key: K, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(key, error)
