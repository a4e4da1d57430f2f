"""A fresh installation as an operator leaves it to a clinic: no user and no clinic yet, but the HIS that is read."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import URL, make_url

from admin.commands.demo_records import ZONE
from admin.people.administrators import setup_token
from bench.processes import address_of, configuration, environment, serving
from bench.site import PATHS
from engine.settings import from_environment
from sandbox.embedded import running
from sandbox.his.clinic import HisClinic
from sandbox.his.database import HisDatabase
from sandbox.his.day import morning
from sandbox.world import World

SYSTEM = "mlite"  # the pack of the clinic's system
SERVER = make_url("mysql+asyncmy://root@127.0.0.1:3306")
NEAR = "127.0.0.1"  # address from which Antar reaches the clinic's database
CONNECT_SECONDS = 1.0
VISITS = 3  # of today, which are over


@dataclass(frozen=True, slots=True)
class ClinicServer:
    """The clinic's database, and its technician, who runs statements there."""

    kind: str
    url: URL

    @property
    def name(self) -> str:
        """Return the name of the database, and of the user whom the technician makes for Antar."""
        return self.url.database or ""

    def run(self, *statements: str) -> None:
        """Run statements as the technician."""
        _aside(HisDatabase(self.url).run(*statements))


@dataclass(frozen=True, slots=True)
class FreshInstallation:
    """What its first user is told: the address of the panel, the setup key, and where the clinic's database is."""

    address: str
    setup_token: str
    his: ClinicServer


@contextmanager
def fresh(folder: Path, name: str = "") -> Iterator[FreshInstallation]:
    """Yield an installation on an empty database; the sandbox is the ministry, and the clinic's morning is over.

    `name` is that of the clinic's database; without one it is new.
    """
    with running(World()) as sandbox, clinic_server(folder, name or f"antar_walk_{secrets.token_hex(4)}") as his:
        config = configuration(folder / "config")
        if his.kind == "sqlite":
            _change(config / "packs" / SYSTEM / "source.yaml", "    extends:", "    system: sqlite\n    extends:")
        upstreams = {name: f"{sandbox}{path}" for name, path in PATHS.items()}
        environ = environment(config, f"sqlite:///{folder / 'antar.sqlite3'}", "memory://", **upstreams)
        with ThreadPoolExecutor() as aside:
            filled = aside.submit(asyncio.run, _fill(his))  # while the process starts
            with serving(environ, "up"):
                filled.result()
                yield FreshInstallation(address_of(environ), setup_token(from_environment(environ)), his)


@contextmanager
def clinic_server(folder: Path, name: str) -> Iterator[ClinicServer]:
    """Yield an empty database: of MariaDB if it answers, otherwise a file of SQLite."""
    if not _answers():
        yield ClinicServer("sqlite", URL.create("sqlite+aiosqlite", database=str(folder / "sik.sqlite3")))
        return
    server = HisDatabase(SERVER)
    _aside(server.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    try:
        yield ClinicServer("mariadb", SERVER.set(database=name))
    finally:
        _aside(server.run(f"DROP DATABASE {name}", f"DROP USER IF EXISTS '{name}'@'{NEAR}'"))


def _answers() -> bool:
    try:
        with socket.create_connection((SERVER.host or "", SERVER.port or 3306), CONNECT_SECONDS):
            return True
    except OSError:
        return False


async def _fill(his: ClinicServer) -> None:
    now = datetime.now(ZoneInfo(ZONE)).replace(tzinfo=None)
    clinic = HisClinic(HisDatabase(his.url), SYSTEM, now.date())
    await clinic.open()
    await morning(clinic, now, VISITS)


def _change(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")


def _aside(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end in another thread: an open browser keeps an event loop in this one."""
    with ThreadPoolExecutor() as aside:
        aside.submit(asyncio.run, work).result()
