"""A Celery worker in its own process: one task per job, with requests, psycopg and a PostgreSQL row.

`python -m bench.celery_jobs BROKER DATABASE ADDRESS POOL CONCURRENCY`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

TASK, QUEUE = "bench.send", "bench_celery"
TABLE = "celery_jobs"
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer 0123456789012345678901234567"}
SELECT = f"SELECT body FROM {TABLE} WHERE id = %s"
UPDATE = f"UPDATE {TABLE} SET status = 'sent', reference = %s, settled_at = clock_timestamp() WHERE id = %s"


def make_app(broker_url: str) -> Any:
    """Return a tuned Celery: no results, no events, no remote control, messages fetched ahead."""
    from celery import Celery

    app = Celery("bench", broker=broker_url)
    app.conf.update(
        task_ignore_result=True,
        task_default_queue=QUEUE,
        worker_prefetch_multiplier=32,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    return app


class RowSender:
    """Sends the body of a row and stores the reference; connections are kept open and reused."""

    def __init__(self, database_url: str, address: str) -> None:
        self._database_url = database_url
        self._address = f"{address}/fhir-r4/v1/Encounter"
        self._idle: LifoQueue[tuple[Any, Any]] = LifoQueue()

    def __call__(self, id_: int) -> None:
        with self._lent() as (database, session):
            (body,) = database.execute(SELECT, (id_,)).fetchone()
            answer = session.post(self._address, data=body.encode(), headers=HEADERS, timeout=30)
            answer.raise_for_status()
            database.execute(UPDATE, (answer.json()["id"], id_))

    @contextmanager
    def _lent(self) -> Iterator[tuple[Any, Any]]:
        try:
            pair = self._idle.get_nowait()
        except Empty:
            pair = self._connect()
        try:
            yield pair
        finally:
            self._idle.put(pair)

    def _connect(self) -> tuple[Any, Any]:
        import psycopg
        import requests

        return psycopg.connect(self._database_url, autocommit=True), requests.Session()


def main() -> None:
    broker_url, database_url, address, pool, concurrency = sys.argv[1:]
    if pool == "gevent":
        from gevent import monkey

        monkey.patch_all()
    app = make_app(broker_url)
    app.task(name=TASK)(RowSender(database_url, address).__call__)
    quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", f"--pool={pool}", f"--concurrency={concurrency}", *quiet])


if __name__ == "__main__":
    main()
