"""Time from start to ready with sixty entries, on a database of the newest schema."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import uvloop
import yaml

from bench.options import Options
from bench.processes import address_of, answers, configuration, environment, process, until
from bench.rows import Row
from engine.hub import Hub
from engine.settings import Settings, from_environment

ENTRIES = 60
BOUND_SECONDS = 1.0


def many_entries(config: Path) -> Path:
    """Write the shipped configuration, with copies of its entries under other names until there are enough."""
    configuration(config)
    files = sorted((config / "resources").glob("*.yaml"))
    entries = [entry for path in files for entry in yaml.safe_load(path.read_text("utf-8")).get("specs", {}).items()]
    jobs = [yaml.safe_load(path.read_text("utf-8")).get("specs", {}) for path in (config / "jobs").glob("*.yaml")]
    missing = ENTRIES - len(entries) - sum(map(len, jobs))
    copies = {f"{name}{n // len(entries)}": entry for n, (name, entry) in enumerate(entries * ENTRIES) if n < missing}
    text = yaml.safe_dump({"specs": copies}, allow_unicode=True)
    (config / "resources" / "copies.yaml").write_text(text, "utf-8")
    return config


def open_hub(settings: Settings) -> float:
    """Return the seconds that the parts of a process take once its modules are imported."""

    async def run() -> float:
        started = time.perf_counter()
        hub = await Hub.open(settings)
        seconds = time.perf_counter() - started
        assert len(hub.catalog.specs) == ENTRIES, len(hub.catalog.specs)
        await hub.close()
        return seconds

    return uvloop.run(run())


def start(environ: dict[str, str], command: str) -> float:
    """Return the seconds from the command until it first reports that records can be accepted."""
    started = time.perf_counter()
    with process(environ, "admin", command, quiet=True):
        until(lambda: answers(f"{address_of(environ)}/health/ready"), pause=0.005)
        return time.perf_counter() - started


def rows(options: Options) -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        config = many_entries(Path(folder) / "config")
        for name, url in options.databases(folder).items():
            broker, command = (options.redis, "web") if name == "PostgreSQL" and options.redis else ("memory://", "up")
            environ = environment(config, url, broker)
            settings = from_environment(environ)
            open_hub(settings)
            opened = median(open_hub(settings) for _ in range(options.rounds))
            seconds = median(start(environ, command) for _ in range(options.rounds))
            what = f"start of `antar {command}`, {ENTRIES} entries, {name}"
            note = f"of it the hub: {opened * 1e3:.0f} ms"
            yield Row(what, f"{BOUND_SECONDS:g} s", seconds / BOUND_SECONDS, "<= 1", seconds, "s", note)
