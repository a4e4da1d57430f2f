"""Full delivery against graphile-worker with its local queue, which posts finished bodies and keeps no row of them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import uvloop

from bench.clinic import clinic, plain
from bench.cost import BACKENDS, Cost, cost, in_words, rates
from bench.cpu import backend_seconds
from bench.options import Options
from bench.rows import Row, compared
from bench.upstream import fake_upstream

SOURCE = Path(__file__).parent / "graphile_worker"
SCHEMA = "DROP SCHEMA IF EXISTS graphile_worker CASCADE"
FILL = "SELECT graphile_worker.add_job('send', json_build_object('body', %s::text)) FROM generate_series(1, %s)"
WHAT, AGAINST = "draining a full queue, PostgreSQL, redis", "graphile-worker with its local queue"


class GraphileWorker:
    """Jobs of a graphile-worker; each run has its own process."""

    def __init__(self, folder: Path, database_url: str, address: str) -> None:
        self._folder = shutil.copytree(SOURCE, folder / "graphile_worker")
        self._settings = [database_url, address]
        self._database = psycopg.connect(database_url, autocommit=True)

    def install(self) -> None:
        """Fetch the packages and create the schema anew."""
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=self._folder, check=True)
        self._database.execute(SCHEMA)
        command = ["npx", "graphile-worker", "--schema-only", "--connection", self._settings[0]]
        subprocess.run(command, cwd=self._folder, check=True, stdout=subprocess.DEVNULL)

    def run(self, body: str, count: int) -> Cost:
        """Return the cost of a run; all jobs are queued before the worker starts."""
        self._database.execute(FILL, (body, count))
        before = self._backends()
        command = ["node", "worker.js", *self._settings, str(count)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=self._folder, stdin=pipe, stdout=pipe, text=True) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            spent = json.loads(worker.stdout.readline())
            theirs = self._backends() - before
            worker.stdin.close()
        return Cost(count / spent["seconds"], spent["cpu"] / count * 1e6, theirs / count * 1e6)

    def close(self) -> None:
        self._database.execute(SCHEMA)
        self._database.close()

    def _backends(self) -> float:
        return backend_seconds(pid for (pid,) in self._database.execute(BACKENDS.sql("postgresql")))


async def measure(options: Options, folder: Path) -> tuple[list[Cost], list[Cost]]:
    """Return the costs of ours and of graphile-worker, alternating by round."""
    with fake_upstream() as address:
        async with clinic(plain(options.postgresql, options.redis, address)) as here, here.working() as worker:
            body = (await here.finished_body()).decode()
            peer = GraphileWorker(folder, options.postgresql, address)
            await asyncio.to_thread(peer.install)
            ours, theirs = [], []
            for n in range(options.rounds):
                await here.hand_in(n * options.count, options.count)
                ours.append(await cost(here.hub.database, options.count, lambda: here.deliver(worker)))
                theirs.append(await asyncio.to_thread(peer.run, body, options.count))
            peer.close()
            return ours, theirs


def rows(options: Options) -> Iterator[Row]:
    """Yield two rows: the rate, and CPU of worker and PostgreSQL together."""
    if not (options.postgresql and options.redis):
        return
    if shutil.which("npm") is None:
        yield Row(WHAT, AGAINST, nan, ">= 1.2", nan, "per s", "not measured: Node and npm are not installed")
        return
    with TemporaryDirectory() as folder:
        ours, theirs = uvloop.run(measure(options, Path(folder)))
    note = f"{in_words('ours', ours)}; {in_words('graphile-worker', theirs)}"
    yield compared(WHAT, AGAINST, rates(ours), rates(theirs), ">= 1.2", "per s", note)
    cpu, peer = [each.cpu for each in ours], [each.cpu for each in theirs]
    yield compared("CPU of worker and PostgreSQL", AGAINST, cpu, peer, "<= 0.8", "us")
