"""Intake of single records by concurrent clients against a bare Litestar route that inserts one row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import orjson
import uvloop

from bench.bare_route import PATH
from bench.clients import post
from bench.clinic import SPEC, clinic
from bench.cpu import cpu_seconds
from bench.options import Options
from bench.processes import address_of, answers, configuration, environment, free_port, process, serving, until
from bench.rows import Row, compared
from engine.facilities.facilities import new_api_key
from engine.settings import from_environment

CLIENTS = 32
GOALS = {"SQLite": ">= 0.9", "PostgreSQL": ">= 0.6"}


async def prepare(environ: dict[str, str], count: int) -> tuple[str, list[bytes]]:
    """Return the API key of a clinic on an emptied database, and `count` records."""
    async with clinic(from_environment(environ)) as here:
        key = await new_api_key(here.hub.database, here.facility.id, "bench")
        return key, [orjson.dumps(here.record(n)) for n in range(count)]


def measure(
    url: str, broker: str, folder: Path, count: int, rounds: int
) -> tuple[list[float], list[float], list[float]]:
    """Return records per second of ours and of the bare route, alternating, and the CPU seconds of ours per record."""
    environ = environment(configuration(folder / "config"), url, broker)
    key, records = uvloop.run(prepare(environ, count * rounds))
    port = free_port()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    ours, bare, cpu = [], [], []
    with serving(environ, "web") as web, process({}, "bench.bare_route", url, str(port), quiet=True):
        until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"))
        for n in range(rounds):
            bodies = records[n * count : (n + 1) * count]
            spent = cpu_seconds(web.pid)
            ours.append(count / post(address_of(environ), f"/api/v1/records/{SPEC}", headers, bodies, CLIENTS))
            cpu.append((cpu_seconds(web.pid) - spent) / count)
            bare.append(count / post(f"http://127.0.0.1:{port}", PATH, headers, bodies, CLIENTS))
    return ours, bare, cpu


def rows(options: Options) -> Iterator[Row]:
    """Yield rows of `antar web`, which needs a broker that processes share."""
    for name in ("SQLite", "PostgreSQL") if options.brokers else ():
        with TemporaryDirectory() as folder:
            url = options.databases(folder).get(name)
            if url:
                ours, bare, cpu = measure(url, options.brokers[0], Path(folder), options.count // 10, options.rounds)
                note = f"CPU of `antar web`: {median(cpu) * 1e6:.0f} us per record; bare: {median(bare):,.0f} per s"
                what = f"intake of single records, {CLIENTS} clients, {name}"
                yield compared(what, "Litestar route, one insert", ours, bare, GOALS[name], "per s", note)
