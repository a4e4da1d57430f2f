"""The test setup of every case: the sandbox, a database with records handed in, and worker processes to kill."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from engine.actors import make_broker
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.outbox.resend import resend
from engine.settings import ROOT, from_environment
from sandbox.world import World
from tests.admin.commands.test_up import free_port
from tests.chaos.figures import OPEN, FaultFigures, measure, number
from tests.chaos.processes import Process, start_web, start_worker
from tests.chaos.sizes import PATIENCE, RECORDS
from tests.conftest import SECRETS
from tests.engine.small_hub import OVERLOOKED

PRIVATE = "3171234567890123"  # Appears in every record and may appear in no log.
# The shipped configuration, with seconds instead of minutes.
IN_A_HURRY = {
    "timeouts: {connect: 10, total: 30}": "timeouts: {connect: 1, total: 1}",
    "concurrency: 8 ": "concurrency: 16 ",
    "    rate: 20\n": "",
    "retry: {attempts: 8, first: 30, factor: 2, cap: 3600}": "retry: {attempts: 8, first: 0.2, factor: 2, cap: 1}",
    "breaker: {failures: 10, pause: 30}": "breaker: {failures: 10, pause: 0.5}",
}
HANDED_IN = ("organization.yaml", "location.yaml")
# One statement, so that all is seen at one moment: what a sweep releases from a wait is open a moment later.
_OPEN = ", ".join(f"'{status}'" for status in OPEN)
UNSETTLED = f"""
SELECT (SELECT COUNT(*) FROM leases) + ({OVERLOOKED}) + (SELECT COUNT(*) FROM deliveries WHERE status IN ({_OPEN}))
"""


class Scene:
    """The system under test, and the actions of the cases on it."""

    def __init__(self, world: World, environ: dict[str, str], hub: Hub, facility: FacilityRow, log: Path) -> None:
        self.world = world
        self.environ = environ
        self.hub = hub
        self.facility = facility
        self.log = log
        self.address = ""
        self.accepted = 0
        self._crew: list[Process] = []

    @property
    def database(self) -> Database:
        return self.hub.database

    @property
    def arrived(self) -> int:
        """The number of records that the upstream has, by its own witness."""
        return sum(self.world.witness.creations.values())

    def start_worker(self, failpoint: str = "", ahead: float = 0) -> Process:
        """Start a worker whose wall clock is `ahead` seconds wrong."""
        worker = start_worker(self.environ, self.log, failpoint, ahead)
        self._crew.append(worker)
        return worker

    async def start_web(self, failpoint: str = "") -> Process:
        """Start a web process with a worker in it, at `address`; return when it answers."""
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        web = start_web({**self.environ, "ANTAR_PORT": str(port)}, self.log, failpoint)
        self._crew.append(web)
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as asking:
            while not await answers(asking, self.address):  # noqa: ASYNC110 - polls the server
                await asyncio.sleep(0.05)
        return web

    def wait_longer(self) -> None:
        """Let workers that start from now on wait for an upstream without limit."""
        path = Path(self.environ["ANTAR_CONFIG_DIR"]) / "upstreams" / "satusehat.yaml"
        content = path.read_text("utf-8")
        path.write_text(content.replace("connect: 1, total: 1}", f"connect: 1, total: {PATIENCE}}}"), "utf-8")

    async def hand_in(self, count: int = RECORDS, first: int = 0) -> None:
        """Hand in half departments, half rooms that wait for the reference of their department."""
        await self._hand_in("Location", range(first // 2, (first + count) // 2), organization_id="POLI-{:04}")
        await self._hand_in("Organization", range(first // 2, (first + count) // 2))

    async def _hand_in(self, spec: str, numbers: range, **more: str) -> None:
        example = dict(self.hub.catalog.specs[spec].example)
        records = [records_of(example, n, more) for n in numbers]
        results = await self.hub.intake.hand_in(self.facility, spec, records)
        self.accepted += sum(getattr(result, "outcome", "") == "accepted" for result in results)

    async def settled(self) -> bool:
        return not await number(self.database, UNSETTLED)

    async def idle(self) -> None:
        """Return when a queue was closed and nothing in it is in progress, at the latest when it is open again."""
        seen = False
        async with asyncio.timeout(PATIENCE):
            while True:
                closed = await number(self.database, "SELECT COUNT(*) FROM channels")
                if seen and not (closed and await number(self.database, "SELECT COUNT(*) FROM leases")):
                    return
                seen = seen or bool(closed)
                await asyncio.sleep(0.02)  # polls the workers' rows

    async def all_settled(self) -> None:
        """Return when the living workers have nothing left to do."""
        while not await self.settled():  # noqa: ASYNC110 - polls the workers' rows
            await asyncio.sleep(0.02)

    async def until(self, done: Callable[[], bool]) -> None:
        """Return when the condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not done():  # noqa: ASYNC110 - polls upstream and workers
                await asyncio.sleep(0.01)

    async def has_arrived(self, count: int) -> None:
        """Return when the upstream has `count` records."""
        await self.until(lambda: self.arrived >= count)

    async def work(
        self,
        workers: int = 1,
        failpoint: str = "",
        kills: int = 0,
        tick: Callable[[], object] = lambda: None,
        until: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Keep `workers` workers alive, `kills` of them with the failpoint, until nothing is left to do."""
        armed = min(workers, kills)
        crew = [self.start_worker(failpoint if n < armed else "") for n in range(workers)]
        async with asyncio.timeout(PATIENCE):
            while not (await self.settled() and (until is None or await until())):
                await asyncio.sleep(0.02)  # polls the workers' rows
                tick()
                for n, process in enumerate(crew):
                    if process.exitcode is not None:
                        assert process.exitcode == -signal.SIGKILL, self.log.read_text("utf-8")[-2000:]
                        crew[n] = self.start_worker(failpoint if armed < kills else "")
                        armed += 1
        self.killed = sum(process.exitcode == -signal.SIGKILL for process in self._crew)

    async def resend_set_aside(self) -> int:
        """Send again, as a person would, the deliveries that have killed three workers."""
        rows = await self.database.fetch(text("SELECT id FROM deliveries WHERE status = 'failed'"))
        ids = [int(id_) for (id_,) in rows]
        if ids:
            await resend(self.database, self.facility.id, ids, "sari")
        return len(ids)

    async def dismiss(self) -> list[int | None]:
        """Ask every living worker to stop; return their exit codes."""
        living = [process for process in self._crew if process.exitcode is None]
        for process in living:
            await asyncio.to_thread(process.tell, signal.SIGTERM)
        for process in living:
            await asyncio.to_thread(process.join, PATIENCE)
        return [process.exitcode for process in living]

    async def hang_up(self) -> None:
        """Tell every living worker to reload its configuration."""
        for process in self._crew:
            await asyncio.to_thread(process.tell, signal.SIGHUP)

    async def account(self, case: str, started: float) -> FaultFigures:
        """Dismiss the workers and check every invariant; `started` is the time.monotonic of the fault."""
        seconds = time.monotonic() - started
        assert set(await self.dismiss()) <= {0}, self.log.read_text("utf-8")[-2000:]
        self._nothing_private_is_logged()
        return await measure(case, self.database, self.world, self.accepted, seconds)

    def _nothing_private_is_logged(self) -> None:
        logged = self.log.read_text("utf-8") if self.log.exists() else ""
        tokens = self.world.satusehat.tokens.issued
        leaked = [secret for secret in (PRIVATE, SECRETS["client_secret"], *tokens) if secret in logged]
        assert leaked == [], "I6, in the log"

    def close(self) -> None:
        for process in self._crew:
            if process.exitcode is None:
                process.kill()
            process.join()
            process.close()


async def answers(asking: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await asking.get(f"{address}/health/ready")).is_success
    except httpx.TransportError:
        return False


def records_of(example: dict[str, Any], number: int, more: dict[str, str]) -> dict[str, Any]:
    named = {name: text_.format(number) for name, text_ in more.items()}
    own = {"id": f"POLI-{number:04}", "name": f"Poli{number:04}", "email": f"{PRIVATE}@klinik-contoh.example"}
    return {**example, **own, **named}


def hurried_config(folder: Path) -> Path:
    """Write a copy of config/ whose SatuSehat has timeouts of seconds."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    path = config / "upstreams" / "satusehat.yaml"
    content = path.read_text("utf-8")
    for shipped, hurried in IN_A_HURRY.items():
        assert shipped in content, shipped
        content = content.replace(shipped, hurried)
    path.write_text(content, "utf-8")
    _leave_out_entries(config)
    return config


def _leave_out_entries(config: Path) -> None:
    """Keep only the entries that are handed in, and what a test adds: every process of a case loads them."""
    for path in (config / "resources").iterdir():
        if path.name not in HANDED_IN:
            path.unlink()
    including = config / "resources.yaml"
    lines = including.read_text("utf-8").splitlines()
    named = ("- use_cases/", "- causes/", "- packs/")  # which name entries
    kept = [line for line in lines if not any(name in line for name in named)]
    kept = [line for line in kept if "- resources/" not in line or "*" in line]
    including.write_text("\n".join(kept), "utf-8")


@asynccontextmanager
async def scene(
    world: World, database_url: str, url: str, folder: Path, *, broker_url: str = "memory://"
) -> AsyncIterator[Scene]:
    """Yield a scene on a migrated, empty database with one facility; no worker runs yet."""
    environ = {
        "ANTAR_ENVIRONMENT": "demo",
        "ANTAR_DATABASE_URL": database_url,
        "ANTAR_BROKER_URL": broker_url,
        "ANTAR_SECRET_KEY": new_key(),
        "ANTAR_SATUSEHAT_URL": url,
        "ANTAR_CONFIG_DIR": str(hurried_config(folder)),
    }
    broker = make_broker(broker_url)
    hub = await Hub.open(from_environment(environ), broker=broker)
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    await set_credentials(hub.database, hub.vault, facility.id, "satusehat", SECRETS)
    stage = Scene(world, environ, hub, facility, folder / "workers.log")
    try:
        yield stage
    finally:
        stage.close()
        await hub.close()
        await asyncio.to_thread(broker.close)
