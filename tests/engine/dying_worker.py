"""A worker process for the kill tests: works until told to stop or until its failpoint ends it."""

from __future__ import annotations

import asyncio
import os
import signal

from engine.actors import make_broker
from engine.hub import Hub
from engine.settings import from_environment
from engine.worker import Worker


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    hub = await Hub.open(from_environment(), durable=False, broker=make_broker("memory://"))
    await Worker(hub).run(stop)
    await hub.close()


if __name__ == "__main__":
    os.environ.setdefault("ANTAR_LOG_LEVEL", "ERROR")
    asyncio.run(main())
