"""Memory of web and worker after many deliveries, against their memory after a few."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import uvloop

from bench.clients import post
from bench.clinic import BATCH, IN_FLIGHT, SPEC, UPSTREAM, BenchClinic, clinic
from bench.cpu import memory
from bench.options import Options
from bench.processes import Process, address_of, configuration, environment, process, serving
from bench.rows import Row
from bench.upstream import fake_upstream
from engine.facilities.facilities import new_api_key
from engine.settings import from_environment

FEW = 1_000
CLIENTS = 2
CHUNK = 10_000  # records whose bodies this process keeps at a time


async def deliver(here: BenchClinic, environ: dict[str, str], key: str, first: int, count: int) -> None:
    """Hand in through the API and return when everything is sent."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    for chunk in range(first, first + count, CHUNK):
        starts = range(chunk, min(chunk + CHUNK, first + count), BATCH)
        bodies = [orjson.dumps([here.record(n) for n in range(start, start + BATCH)]) for start in starts]
        path = f"/api/v1/records/{SPEC}"
        await asyncio.to_thread(post, address_of(environ), path, headers, bodies, CLIENTS)
    while await here.unsent():  # noqa: ASYNC110 - a worker announces nothing
        await asyncio.sleep(0.1)


async def measure(options: Options, folder: Path, many: int) -> tuple[list[int], list[int]]:
    """Return the bytes of each process after few and after many."""
    with fake_upstream() as address:
        config = configuration(folder / "config", IN_FLIGHT)
        environ = environment(config, options.postgresql, options.redis, **{UPSTREAM: address})
        async with clinic(from_environment(environ)) as here:
            key = await new_api_key(here.hub.database, here.facility.id, "bench")
            with serving(environ, "web") as web, process(environ, "admin", "worker", "--processes", "1") as worker:
                await deliver(here, environ, key, 0, FEW)
                few = _weigh(web, worker)
                await deliver(here, environ, key, FEW, many - FEW)
                return few, _weigh(web, worker)


def rows(options: Options) -> Iterator[Row]:
    if not (options.postgresql and options.redis):
        return
    many = 10_000 if options.quick else 100_000
    with TemporaryDirectory() as folder:
        few, lots = uvloop.run(measure(options, Path(folder), many))
    note = ", ".join(
        f"{name} {before / 1e6:.1f} -> {after / 1e6:.1f} MB"
        for name, before, after in zip(("web", "worker"), few, lots, strict=True)
    )
    what, against = f"memory of web and worker, {many:,} deliveries", f"after {FEW:,}"
    yield Row(what, against, sum(lots) / sum(few), "<= 1.2", sum(lots) / 1e6, "MB", note)


def _weigh(*processes: Process) -> list[int]:
    return [memory(process.pid) for process in processes]
