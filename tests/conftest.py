"""Fixtures for all tests: a migrated database, on SQLite or at ANTAR_TEST_DATABASE_URL."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from admin.people import users
from engine.catalog import catalog
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow, add_facility
from engine.settings import ROOT
from sandbox.embedded import running
from sandbox.world import World
from tests import databases

gc.disable()  # until the tests are collected
POSTGRESQL = databases.own(os.environ.get("ANTAR_TEST_DATABASE_URL", ""))
BROKERS = [url for url in os.environ.get("ANTAR_TEST_BROKER_URL", "").split(",") if url]

SECRETS = {"client_id": "demo-client", "client_secret": "demo-secret", "organization_id": "100099001"}
"""Credentials that the sandbox's SatuSehat accepts."""


class Clock:
    """Epoch milliseconds that a test advances."""

    def __init__(self, now: int = 1_773_104_400_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += round(seconds * 1000)  # int would lose a millisecond of what has no exact float, as 8.123


def pytest_report_header() -> list[str]:
    return [
        f"services: PostgreSQL {'used' if POSTGRESQL else 'not used (ANTAR_TEST_DATABASE_URL is not set)'}, "
        f"brokers {', '.join(url.split(':')[0] for url in BROKERS) or 'in memory only'}"
    ]


def pytest_collection_finish() -> None:
    """Keep the garbage collector off the tests themselves: it looked at them again and again, a third of their time."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


def pytest_sessionstart() -> None:
    if POSTGRESQL:
        databases.create(POSTGRESQL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and those of several files where these name a group."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


@pytest.fixture
def anyio_backend() -> str:
    """Run with asyncio, on which the engine runs."""
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def quick_hashes() -> Iterator[None]:
    """Hash passwords at little cost; otherwise a login takes longer than the test around it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(autouse=True, scope="session")
def shipped_entries_once() -> Iterator[None]:
    """Load the shipped configuration once for each process: it takes a second, and hundreds of tests use it."""
    load, loaded = catalog._load, dict[object, Catalog]()

    def remembered(directory: Path, adapters: Collection[str] | None, draft: str) -> Catalog:
        if directory != ROOT / "config" or draft:
            return load(directory, adapters, draft)
        key = None if adapters is None else frozenset(adapters)
        if key not in loaded:
            loaded[key] = load(directory, adapters, draft)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "_load", remembered)
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return databases.sqlite(tmp_path) if request.param == "sqlite" else POSTGRESQL


@pytest.fixture
async def database(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """Yield a migrated, empty database."""
    opened = Database(database_url, durable=False, clock=clock)
    if opened.dialect == "postgresql":
        await databases.prepare(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def facility(database: Database) -> FacilityRow:
    return await add_facility(database, "klinik", "Klinik Contoh", organization_id="100099001")


@pytest.fixture
def world() -> World:
    """Return a sandbox that creates a repeated request twice, so that a repetition shows."""
    world = World()
    world.satusehat.settings.refuse_duplicates = False
    return world


@pytest.fixture
def url(world: World) -> Iterator[str]:
    """Yield the address of the sandbox of this world."""
    with running(world) as address:
        yield address
