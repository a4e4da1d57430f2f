"""A hub with upstreams of given limits, two clinics, a witness outside and real worker processes."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bench.clinic import BATCH, NOWHERE, empty, hush
from bench.processes import PATIENCE_SECONDS, Process, environment, process
from bench.witness import RequestWitness, witness
from engine.actors import make_broker
from engine.database.statements import Command, Statement
from engine.delivery.status import Lane
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.hub import Hub
from engine.intake.intake import Accepted
from engine.settings import from_environment


@dataclass(frozen=True, slots=True)
class Kind:
    """An upstream with one type: its limits and further settings of its own."""

    concurrency: int = 8
    rate: float | None = None
    more: Mapping[str, object] = field(default_factory=dict)
    gone: bool = False  # nothing listens at its address


def write_configuration(folder: Path, kinds: Mapping[str, Kind]) -> None:
    """Write the configuration; each key names an upstream and, capitalised, its type."""
    upstreams: dict[str, object] = {}
    specs: dict[str, object] = {}
    for name, kind in kinds.items():
        upstreams[name] = {
            "label": name,
            "adapter": "http",
            "base_path": f"/{name}",
            "credentials": {"secret": "Rahasia"},
            "concurrency": kind.concurrency,
            **({"rate": kind.rate} if kind.rate else {}),
            "retry": {"attempts": 100, "first": 2, "factor": 1, "cap": 2},
            "breaker": {"failures": 5, "pause": 5},
            **kind.more,
        }
        specs[name.capitalize()] = {
            "label": name,
            "group": "Uji",
            "upstream": name,
            "endpoint": {"method": "POST", "path": "/", "reference": "{{ body.id }}", "repeatable": True},
            "update": {"method": "PUT", "path": "/{{ reference }}"},
            "key": "{{ record.id }}",
            "date": "{{ record.at }}",
            "record": {
                "required": ["id", "who", "at"],
                "properties": {part: {"type": "string"} for part in ("id", "who", "at")},
            },
            "columns": {"who": {"label": "Klinik", "value": "{{ record.who }}"}},
            "payload": {"id": "{{ record.id }}", "who": "{{ record.who }}"},
            "example": {"id": "1", "who": "a", "at": "2026-03-10"},
        }
    catalog = {"groups": ["Uji"], "upstreams": upstreams, "specs": specs}
    (folder / "resources.yaml").write_text(yaml.safe_dump(catalog), "utf-8")


class Fleet:
    """The clinics `a` and `b` by their codes, and processes to start and to kill."""

    def __init__(
        self, hub: Hub, outside: RequestWitness, environ: dict[str, str], clinics: dict[str, FacilityRow]
    ) -> None:
        self.hub = hub
        self.outside = outside
        self.clinics = clinics
        self._environ = environ
        self._numbers = itertools.count(1)
        self._running = ExitStack()
        self._processes: list[Process] = []

    async def start(self, count: int = 1) -> None:
        """Start `count` more worker processes and return when they work."""
        alone = self._environ["ANTAR_BROKER_URL"].startswith("memory:")
        command = ("up",) if alone else ("worker", "--processes", "1")
        for _ in range(count):
            self._processes.append(self._running.enter_context(process(self._environ, "admin", *command)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._beating() < len(self._processes):  # noqa: ASYNC110 - a worker announces nothing
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """Kill the oldest process at once."""
        killed = self._processes.pop(0)
        killed.kill()
        killed.wait()
        await self.hub.database.execute(_FORGET, {"name": f"%:{killed.pid}:%"})

    def stop(self) -> None:
        """Stop all processes in the orderly way."""
        self._running.close()

    async def _beating(self) -> int:
        [n] = await self.hub.database.fetch(_BEATING)
        return n

    async def hand_in(self, name: str, who: str, count: int, *, lane: Lane | None = None) -> list[tuple[str, float]]:
        """Hand in `count` new records of a kind; return each id with the time it was accepted (epoch seconds)."""
        accepted = []
        today = datetime.now(UTC).date().isoformat()
        for start in range(0, count, BATCH):
            ids = [f"{who}{next(self._numbers)}" for _ in range(min(BATCH, count - start))]
            records = [{"id": id_, "who": who, "at": today} for id_ in ids]
            results = await self.hub.intake.hand_in(self.clinics[who], name.capitalize(), records, lane)
            assert all(isinstance(result, Accepted) for result in results), results[:1]
            accepted += [(id_, time.time()) for id_ in ids]
        return accepted

    async def each_tenth(self, name: str, who: str, seconds: float) -> list[tuple[str, float]]:
        """Hand in a record every tenth of a second for `seconds`; return as `hand_in` does."""
        accepted, started = [], time.monotonic()
        for n in range(int(seconds * 10)):
            await asyncio.sleep(max(0.0, started + n / 10 - time.monotonic()))
            accepted += await self.hand_in(name, who, 1)
        return accepted

    async def seen_after(self, name: str, since: Mapping[str, float]) -> list[float]:
        """Return per record id the seconds from its time in `since` (epoch seconds) until the upstream saw it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                seen = {request.id: request.begin for request in self.outside.seen(name)}
                if all(seen.get(id_, 0.0) >= at for id_, at in since.items()):
                    return sorted(seen[id_] - at for id_, at in since.items())
                await asyncio.sleep(0.5)

    async def clear(self) -> None:
        """Make nothing due any more."""
        await self.hub.database.execute(_CLEAR)

    async def due_again(self, name: str) -> None:
        """Make the cleared deliveries of a kind due again, as if they had just been handed in."""
        parameters = {"now": self.hub.database.clock(), "name": name}
        await self.hub.database.execute(_DUE_AGAIN, parameters)


_FORGET = Command("DELETE FROM workers WHERE name LIKE :name")
_BEATING = Statement("SELECT COUNT(*) FROM workers", int)
_CLEAR = Command(
    "UPDATE deliveries SET due_at = NULL WHERE due_at IS NOT NULL "
    "AND id NOT IN (SELECT delivery_id FROM held_deliveries)"
)
_DUE_AGAIN = Command("UPDATE deliveries SET due_at = :now WHERE upstream = :name AND status IN ('queued', 'retrying')")


@asynccontextmanager
async def fleet(database_url: str, broker_url: str, kinds: Mapping[str, Kind]) -> AsyncIterator[Fleet]:
    """Yield a fleet on an emptied database (SQLite if none is named); its processes have ended when it closes."""
    hush()
    with TemporaryDirectory() as folder, witness() as outside:
        write_configuration(Path(folder), kinds)
        addresses = {name: NOWHERE if kind.gone else outside.address for name, kind in kinds.items()}
        database_url = database_url or f"sqlite:///{folder}/bench.sqlite3"
        environ = environment(Path(folder), database_url, broker_url, **addresses)
        hub = await Hub.open(from_environment(environ), durable=False, broker=make_broker(broker_url))
        await empty(hub)
        clinics = {code: await add_facility(hub.database, code, code, organization_id="1") for code in "ab"}
        for clinic in clinics.values():
            for name in kinds:
                await set_credentials(hub.database, hub.vault, clinic.id, name, {"secret": "rahasia"})
        opened = Fleet(hub, outside, environ, clinics)
        try:
            yield opened
        finally:
            opened.stop()
            await hub.close()
