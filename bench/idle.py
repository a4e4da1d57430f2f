"""A vendor's installation with nothing to do: what a worker and a web process cost per second with 6,000 channels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from bench.clinic import NOWHERE, empty, hush
from bench.cost import BACKENDS
from bench.cpu import backend_seconds, cpu_seconds
from bench.options import Options
from bench.processes import configuration, environment, process, serving
from bench.rows import Row
from engine.actors import make_broker
from engine.database.statements import Command
from engine.hub import Hub
from engine.settings import from_environment

CLINICS = 2_000
SETTLE_SECONDS = 30.0  # in which a process starts and has read everything once
REACH_MS = 10.0


class Idle(NamedTuple):
    """CPU of one second in milliseconds: of the process, and of PostgreSQL for it."""

    process: float
    postgresql: float


async def fill(hub: Hub, clinics: int) -> int:
    """Store clinics with credentials for all upstreams, their lists and corrections done, and an alert recipient.

    Return the number of channels.
    """
    names = sorted(hub.catalog.upstreams)
    secrets = {name: "bench" for spec in hub.catalog.upstreams.values() for name in spec.credentials}
    parameters = {"n": clinics, "now": hub.database.clock(), "sealed": hub.vault.seal(secrets)}
    specs = hub.catalog.specs.values()
    corrections = [[spec.name, correction.name] for spec in specs for correction in spec.corrections]
    parameters |= {"names": names, "lists": sorted(hub.catalog.code_lists), "corrections": corrections}
    for command, needed in _FILL.items():
        await hub.database.execute(command, {name: parameters[name] for name in needed})
    return clinics * len(names)


async def one(environ: dict[str, str], command: str, seconds: float) -> Idle:
    """Run `antar worker` or `antar web` for `seconds` and return its cost."""
    hub = await Hub.open(from_environment(environ), durable=False, broker=make_broker("memory://"))
    with ExitStack() as running:
        started = running.enter_context(
            serving(environ, command) if command == "web" else process(environ, "admin", command, "--processes", "1")
        )
        await asyncio.sleep(SETTLE_SECONDS)
        pids = await hub.database.fetch(BACKENDS)
        own, theirs, begun = cpu_seconds(started.pid), backend_seconds(pids), time.perf_counter()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - begun
        pids = await hub.database.fetch(BACKENDS)
        spent = cpu_seconds(started.pid) - own, max(0.0, backend_seconds(pids) - theirs)
        assert started.poll() is None
    await hub.close()
    return Idle(*(1000 * value / took for value in spent))


async def measure(options: Options, folder: Path, seconds: float) -> tuple[int, dict[str, Idle]]:
    """Return the number of channels, and the cost of each process."""
    config = configuration(folder / "config")
    names = {path.stem: NOWHERE for path in (config / "upstreams").glob("*.yaml")}
    environ = environment(config, options.postgresql, options.redis, **names)
    hub = await Hub.open(from_environment(environ), durable=False, broker=make_broker("memory://"))
    await empty(hub)
    channels = await fill(hub, CLINICS)
    await hub.close()
    costs = {command: await one(environ, command, seconds) for command in ("worker", "web")}
    hub = await Hub.open(from_environment(environ), durable=False, broker=make_broker("memory://"))
    await empty(hub)
    await hub.close()
    return channels, costs


def rows(options: Options) -> Iterator[Row]:
    if not (options.postgresql and options.redis):
        return
    hush()
    with TemporaryDirectory() as folder:
        channels, costs = uvloop.run(measure(options, Path(folder), 20.0 if options.quick else 60.0))
    for command, cost in costs.items():
        total = cost.process + cost.postgresql
        note = f"the process {cost.process:.1f}, PostgreSQL {cost.postgresql:.1f} ms per second"
        what = f"{channels:,} idle channels, {command}, per second"
        yield Row(what, f"{REACH_MS:.0f} ms of CPU", total / REACH_MS, "<= 1", total, "ms", note)


_FILL = {
    Command(
        """
INSERT INTO facilities (code, name, time_zone, organization_id, created_at)
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :n)
SELECT 'clinic-' || i, 'Klinik ' || i, 'Asia/Jakarta', '100099001', CAST(:now AS BIGINT) FROM numbers
"""
    ): ("n", "now"),
    Command(
        """
INSERT INTO credentials (facility_id, upstream, sealed, changed_at, version)
SELECT f.id, v.upstream, :sealed, CAST(:now AS BIGINT) - 60000, 1 FROM facilities AS f CROSS JOIN {names} AS v
""",
        names="upstream text",
    ): ("names", "sealed", "now"),
    Command(
        """
INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, ended_at, total, done, "offset",
  added, changed, gone, tries)
SELECT f.id, v.list, 'bench', 'done', CAST(:now AS BIGINT), 0, CAST(:now AS BIGINT), 1, 1, 0, 0, 0, 0, 0
FROM (SELECT id FROM facilities UNION ALL SELECT 0) AS f CROSS JOIN {lists} AS v
""",
        lists="list text",
    ): ("lists", "now"),
    Command(
        """
INSERT INTO correction_searches (facility_id, spec, name, date, delivery_id, searches, ended_at, affected)
SELECT f.id, v.spec, v.name, '', 0, 2, CAST(:now AS BIGINT), 0 FROM facilities AS f CROSS JOIN {corrections} AS v
""",
        corrections="spec text, name text",
    ): ("corrections", "now"),
    Command(
        """
INSERT INTO alert_recipients (name, way, address, enabled, quiet_from, quiet_until, waiting_minutes, failure_percent,
  digest_at, digest_on, known, mark, held_until, fails, again_at, problem, created_at)
VALUES ('bench', 'webhook', 'http://127.0.0.1:9', true, '', '', 15, 20, '', '', '[]', 0, 0, 0, 0, '', :now)
"""
    ): ("now",),
}
