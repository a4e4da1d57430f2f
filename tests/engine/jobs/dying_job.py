"""Process that works on the running jobs until its failpoint ends it."""

from __future__ import annotations

import asyncio
import sys

from engine.database.database import Database
from engine.jobs import runner


async def main() -> None:
    runner.BATCH_DELIVERIES = 10
    database = Database(sys.argv[1], durable=False)
    await runner.run_jobs(database, lambda channel: None, lambda: False)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
