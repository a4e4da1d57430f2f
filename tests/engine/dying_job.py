"""A process that works through the running jobs until its failpoint ends it."""

from __future__ import annotations

import asyncio
import sys

from engine import job_runner
from engine.database import Database


async def main() -> None:
    job_runner.BATCH = 10
    database = Database(sys.argv[1], durable=False)
    await job_runner.run_jobs(database, lambda channel: None, lambda: False)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
