"""`python -m bench.ticking up FILE`: an Antar command beside which a task ticks; its longest pauses go into FILE."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

from admin.cli import main
from admin.commands import processes

PAUSE_SECONDS = 0.002


async def tick(file: Path) -> None:
    """Write the longest stretch (ms) in which the loop did nothing else; SIGUSR2 starts over.

    Two figures: by the clock, and by this thread's processor time, which excludes what other processes took.
    """
    longest = longest_cpu = 0.0

    def restart() -> None:
        nonlocal longest, longest_cpu
        longest = longest_cpu = 0.0
        file.write_text("0 0")

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, restart)
    restart()
    while True:
        before, before_cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(PAUSE_SECONDS)
        stretch = (time.perf_counter() - before - PAUSE_SECONDS) * 1000
        stretch_cpu = (time.thread_time() - before_cpu) * 1000
        if stretch > longest or stretch_cpu > longest_cpu:
            longest, longest_cpu = max(longest, stretch), max(longest_cpu, stretch_cpu)
            file.write_text(f"{longest:.1f} {longest_cpu:.1f}")  # noqa: ASYNC240 - a few bytes


def run() -> None:
    file = Path(sys.argv.pop())
    serve = processes._serve

    async def serve_ticking(*arguments: Any) -> None:
        ticking = asyncio.create_task(tick(file))
        try:
            await serve(*arguments)
        finally:
            ticking.cancel()

    processes._serve = serve_ticking  # type: ignore[assignment]
    main()


if __name__ == "__main__":
    run()
