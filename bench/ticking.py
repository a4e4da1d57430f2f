"""`python -m bench.ticking up FILE`: an Antar command beside which a task ticks; its longest pause goes into FILE."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any

from admin.cli import main
from admin.commands import running

PAUSE_SECONDS = 0.002


async def tick(file: Path) -> None:
    """Write the longest stretch (milliseconds) in which the loop did nothing else; SIGUSR2 begins anew."""
    longest = 0.0

    def restart() -> None:
        nonlocal longest
        longest = 0.0
        file.write_text("0")

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, restart)
    restart()
    while True:
        before = time.perf_counter()
        await asyncio.sleep(PAUSE_SECONDS)
        stretch = (time.perf_counter() - before - PAUSE_SECONDS) * 1000
        if stretch > longest:
            longest = stretch
            file.write_text(f"{longest:.1f}")  # noqa: ASYNC240 - a few bytes


def run() -> None:
    file = Path(sys.argv.pop())
    serve = running._serve

    async def serve_ticking(*arguments: Any) -> None:
        ticking = asyncio.create_task(tick(file))
        try:
            await serve(*arguments)
        finally:
            ticking.cancel()

    running._serve = serve_ticking  # type: ignore[assignment]
    main()


if __name__ == "__main__":
    run()
