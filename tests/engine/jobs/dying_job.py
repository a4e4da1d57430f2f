"""Works on the running jobs, by batches of ten deliveries, in a process that its failpoint kills."""

from __future__ import annotations

from engine.database.database import Database
from engine.jobs import runner


async def work(database_url: str) -> None:
    runner.BATCH_DELIVERIES = 10
    database = Database(database_url, durable=False)
    await runner.run_jobs(database, lambda channel: None, lambda: False)
    await database.close()
