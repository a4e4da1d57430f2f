"""The present program takes over the database of an earlier one: all is shown, nothing is lost, what was due is sent.

One dump for each revision that somebody may have; CONTRIBUTING says what a migration adds to it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from admin.app import create_app
from bench.clinic import unlimited
from bench.places import TABS, page_addresses
from engine.actors import make_broker
from engine.corrections.search import CorrectionSearch
from engine.database.database import Database
from engine.database.migrate import migrate
from engine.delivery.status import Status
from engine.delivery.types import Added
from engine.facilities.facilities import all_facilities, new_api_key
from engine.hub import Hub
from engine.intake.intake import Accepted
from engine.maintenance.list_indexing import ListIndexing
from engine.maintenance.visit_review import VisitReview
from engine.outbox import counters
from engine.queries import paging
from engine.queries.column_search import ColumnFilter
from engine.queries.deliveries import Filters
from engine.settings import Settings
from engine.worker import Worker
from sandbox.embedded import running
from sandbox.world import World
from tests import databases
from tests.admin.conftest import PASSWORD, application, log_in
from tests.config.shipped import catalog
from tests.conftest import POSTGRESQL, Clock
from tests.engine.small_hub import no_sleep
from tests.upgrade.earlier import REVISIONS, restore, rows_of

pytestmark = pytest.mark.anyio

SECRET_KEY = base64.urlsafe_b64encode(b"antar upgrade test, not a secret").decode()
AN_HOUR_LATER = 1_773_208_800_000
"""After the dump was made, in epoch milliseconds: leases, undo times and pauses are over."""
PATIENCE_SECONDS = 60.0
PATHS = {"satusehat": "", "pcare": "/pcare-rest", "antrean": "/antreanfktp"}
ARRIVED = "Observation", "RJ-0002-SUHU", "3f1c8a52-6d0e-4b7a-9a41-0000000000aa"
"""The connection was cut when the upstream had stored it, under this id."""


class Shown:
    """The part of an installation that `bench.places` needs."""

    def __init__(self, database: Database) -> None:
        self._database, self._loop = database, asyncio.get_running_loop()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Fetch rows from another thread than the event loop's."""
        fetching = asyncio.run_coroutine_threadsafe(self._database.fetch(text(query)), self._loop)
        return [tuple(row) for row in fetching.result()]


@pytest.fixture
def clock() -> Clock:
    return Clock(AN_HOUR_LATER)


@pytest.fixture
def world(clock: Clock) -> World:
    return World(now=lambda: clock.now / 1000)


@pytest.fixture
def sandbox(world: World) -> Iterator[str]:
    with running(world) as url:
        yield url


@pytest.fixture(scope="module", params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"])
def upgraded(request: pytest.FixtureRequest, revision: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an old database of our own, migrated to the newest revision; each test takes a copy of it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('old')}/old.sqlite3"
    if request.param == "postgresql":
        url = f"{POSTGRESQL}_old"
        databases.drop(url)
        databases.create(url)

    async def upgrade() -> None:
        old = Database(url, durable=False, clock=Clock(AN_HOUR_LATER))
        await restore(old, revision)
        await migrate(old, "demo")
        await old.close()

    asyncio.run(upgrade())
    return url


@pytest.fixture
async def hub(upgraded: str, sandbox: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Hub]:
    """Open a copy of the upgraded database."""
    old_url = databases.copy(upgraded, tmp_path)
    addresses = {name: f"{sandbox}{path}" for name, path in PATHS.items()}
    settings = Settings("demo", old_url, secret_keys=(SECRET_KEY,), addresses=addresses)
    opened = await Hub.open(settings, durable=False, broker=make_broker("memory://"), clock=clock, catalog=catalog())
    yield opened
    assert await counters.kept(opened.database) == await counters.recount(opened.database)
    await opened.close()


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(hub, application()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        yield client


async def test_every_page_shows_what_was_there(hub: Hub, client: httpx.AsyncClient) -> None:
    assert (await log_in(client, "admin", PASSWORD)).status_code == 303
    wrong = {}
    for address in [*await _main_pages(hub), *_lists(hub), *await _deliveries(hub)]:
        answer = await client.get(address)
        if answer.status_code != 200:
            wrong[address] = answer.status_code
    assert wrong == {}


async def test_drawers_and_tabs_show_deliveries_of_every_status(hub: Hub, client: httpx.AsyncClient) -> None:
    await log_in(client, "admin", PASSWORD)
    rows = await hub.database.fetch(text(ONE_OF_EACH.format("status, id IN (SELECT delivery_id FROM held_deliveries)")))
    assert {row.status for row in rows} == {*Status} - {Status.SENDING}  # being sent is no status of a row any more
    assert await hub.database.fetch(text("SELECT delivery_id FROM held_deliveries"))
    for row in rows:
        for tab in ("ringkasan", *TABS):
            address = f"/integrasi/{row.upstream}/{row.spec}/{row.id}?tab={tab}"
            answer = await client.get(address, headers={"HX-Request": "true"})
            assert (answer.status_code, address) == (200, address)


async def test_the_api_tells_every_delivery_and_its_attempts(hub: Hub, client: httpx.AsyncClient) -> None:
    key = await new_api_key(hub.database, 1, "uji")
    client.headers["Authorization"] = f"Bearer {key}"
    ids = [id_ for (id_,) in await hub.database.fetch(text("SELECT id FROM deliveries WHERE facility_id = 1"))]
    details = [await client.get(f"/api/v1/deliveries/{id_}") for id_ in ids]
    assert {answer.status_code for answer in details} == {200}
    attempts = [attempt for answer in details for attempt in answer.json()["attempts"]]
    assert len(attempts) == (await hub.database.fetch(text("SELECT COUNT(*) FROM attempts")))[0][0]
    others = ("/api/v1/deliveries", "/health/ready", "/health/upstreams", "/metrics")
    assert [(await client.get(address)).status_code for address in others] == [200] * len(others)


async def test_what_is_handed_in_again_is_unchanged(hub: Hub, revision: str) -> None:
    """Else an upgrade would send to the upstreams all that a clinic's system still holds."""
    [clinic, *_] = await all_facilities(hub.database)
    rows = rows_of(revision, "deliveries") + [{**row, "spec": row["item"]} for row in rows_of(revision, "items")]
    for row in rows:
        if row["facility_id"] == clinic.id:
            [result] = await hub.intake.hand_in(clinic, row["spec"], [orjson.loads(row["record"])])
            outcome = result.outcome if isinstance(result, Accepted) else "refused"
            expected = "refused" if f"{row['spec']} {row['key']}" in REFUSED else Added.UNCHANGED
            assert (row["key"], outcome) == (row["key"], expected), result


async def test_what_was_under_way_is_sent(hub: Hub, world: World, revision: str) -> None:
    _seed(world, revision)
    await _work(hub)
    rows = await hub.database.fetch(text("SELECT spec, key, status FROM deliveries WHERE status <> 'sent'"))
    assert {f"{row.spec} {row.key}": row.status for row in rows} == UNSENT
    adopted = await hub.database.fetch(text(ADOPTED), {"spec": ARRIVED[0], "key": ARRIVED[1]})
    assert adopted == [(ARRIVED[2],)]
    assert world.witness.summary()["duplicates_created"] == 0
    left = [await hub.database.fetch(text(f"SELECT * FROM {name}")) for name in ("leases", "held_resends")]
    assert left == [[], []]


REFUSED = {"Observation RJ-0021-NADI"}
"""What the door has refused since: here a unit that UCUM does not have, for which the ministry refused it before."""
ADOPTED = "SELECT reference FROM deliveries WHERE spec = :spec AND key = :key"
UNSENT = {
    "Composition RJ-0023": "blocked",
    "Condition RJ-0023-DX1": "failed",
    "Encounter RJ-0023": "blocked",
    "MedicationDispense RX-RJ-0021-2-S": "blocked",
    "MedicationDispense RX-RJ-0023-1-S": "blocked",
    "MedicationRequest RX-RJ-0021-2": "blocked",
    "MedicationRequest RX-RJ-0023-1": "blocked",
    "PanggilAntrean PG-0012": "blocked",
    "Patient RM-000201": "queued",  # of the second clinic, which has no credentials
    "Patient RM-000211": "failed",
    "Patient RM-000229": "failed",
    "Practitioner DR-003": "failed",
    "TambahAntrean AN-0012": "failed",
    "TambahAntrean AN-0013": "ignored",
    "TambahKunjungan KJ-0006": "ignored",
    "TambahKunjungan KJ-0012": "ignored",
    "TambahKunjungan KJ-0016": "blocked",
    "TambahPendaftaran PD-0006": "ignored",
    "TambahPendaftaran PD-0012": "blocked",
    "TambahPendaftaran PD-0016": "failed",
}
"""What a person has to mend, what waits for that, and what was set aside."""
ONE_OF_EACH = """
SELECT id, upstream, spec, status FROM deliveries
WHERE id IN (SELECT MIN(id) FROM deliveries WHERE facility_id = 1 GROUP BY {})
"""
DUE = """
SELECT 1 FROM deliveries WHERE due_at <= :now AND facility_id = 1
UNION SELECT 1 FROM jobs WHERE state = 'running'
UNION SELECT 1 FROM waits AS w JOIN deliveries AS d USING (facility_id, spec, key) WHERE d.reference IS NOT NULL
"""


async def _main_pages(hub: Hub) -> list[str]:
    await CorrectionSearch(hub.database, lambda: hub.catalog, hub.facilities).tick()
    await ListIndexing(hub.database, lambda: hub.catalog, hub.vault, no_sleep).tick()
    await VisitReview(hub.database, lambda: hub.catalog, no_sleep).tick()
    addresses = await asyncio.to_thread(page_addresses, Shown(hub.database))
    return [address for address in addresses.values() if not address.startswith("/sumber/")]  # no source is declared


def _lists(hub: Hub) -> Iterator[str]:
    """Yield the pages that exist once per upstream, entry, code list and view of the settings."""
    for name, spec in hub.catalog.specs.items():
        home = f"/integrasi/{spec.upstream.name}/{name}"
        yield from (home, f"{home}/masalah", f"/admin/raw-{name}/list")
    yield from (f"/integrasi/{name}" for name in hub.catalog.upstreams)
    yield from ("/masalah", *(f"/masalah?area={name}" for name in hub.catalog.upstreams))
    yield from (f"/referensi/{name}" for name in hub.catalog.code_lists)


async def _deliveries(hub: Hub) -> list[str]:
    """Return the pages of a delivery of each type and status, and of its row in the settings."""
    rows = await hub.database.fetch(text(ONE_OF_EACH.format("spec, status")))
    pages = [f"/integrasi/{row.upstream}/{row.spec}/{row.id}" for row in rows]
    return pages + [f"/admin/raw-{row.spec}/details/{row.id}" for row in rows]


def _seed(world: World, revision: str) -> None:
    """Store in the sandbox the resources that the deliveries of the dump have created."""
    deliveries = [row for row in rows_of(revision, "deliveries") if row["upstream"] == "satusehat"]
    references = {row["id"]: row["reference"] for row in deliveries if row.get("reference")}
    references |= {row["id"]: ARRIVED[2] for row in deliveries if (row["spec"], row["key"]) == ARRIVED[:2]}
    for attempt in rows_of(revision, "attempts"):
        if (
            attempt["operation"] == "create"
            and attempt["delivery_id"] in references
            and attempt.get("method") == "POST"
        ):
            kind = {"resourceType": attempt["path"].strip("/")}  # all that is left where the bodies are gone
            body = orjson.loads(attempt["request"]) if "request" in attempt else kind
            world.satusehat.seed({**body, "id": references[attempt["delivery_id"]]}, "100099001")


async def _work(hub: Hub) -> None:
    """Run a worker until nothing is due; code lists are not read."""
    whole = hub.catalog
    hub.catalog = replace(unlimited(whole), code_lists={})
    for name in ("pcare", "antrean"):
        hub.upstream(name)._wall = lambda: hub.database.clock() / 1000  # type: ignore[attr-defined]
    worker, stop = Worker(hub), asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await hub.database.fetch(text(DUE), {"now": hub.database.clock()}):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await working
    hub.catalog = whole


async def test_lists_find_stored_records_by_their_columns(hub: Hub, revision: str) -> None:
    await ListIndexing(hub.database, lambda: hub.catalog, hub.vault, no_sleep).tick()
    [clinic, *_] = await all_facilities(hub.database)
    stored = [row for row in rows_of(revision, "deliveries") if row["spec"] == "Condition"]
    codes = {row["key"]: orjson.loads(row["record"]).get("icd10", {}).get("code") for row in stored}
    code = next(filter(None, codes.values()))
    same = {key for key, other in codes.items() if other == code}
    for filters in (Filters(("Condition",), text=code), Filters(("Condition",), columns=(ColumnFilter("code", code),))):
        page = await paging.page(hub.database, clinic.id, filters, 100)
        assert {row.key for row in page.rows} == same
