"""Work in another process that a failpoint kills.

Processes are forked from one that has imported what they need: a new interpreter would take a second or two for that.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from engine.failpoints import arm

P = ParamSpec("P")
IMPORTED = ["pytest", "tests.engine.jobs.dying_job", "tests.engine.sources.dying_reader"]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(IMPORTED)


async def killed(
    failpoint: str, work: Callable[P, Coroutine[Any, Any, None]], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Run the work in another process, which must be killed at a failpoint given as `name:n`."""
    process = PROCESSES.Process(target=_run, args=(failpoint, work, args, kwargs))
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.join)
    assert process.exitcode == -signal.SIGKILL


def _run(failpoint: str, work: Callable[..., Coroutine[Any, Any, None]], args: Any, kwargs: Any) -> None:
    arm(failpoint)
    asyncio.run(work(*args, **kwargs))
