"""Synchronisation of code lists: page by page, atomic, resumed after a crash, old copy kept on failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Account
from adapters.registry import ADAPTERS
from adapters.wire.open import open_wire
from admin.text.words import sentence
from engine.catalog.catalog import load
from engine.code_lists import copies, synchronisations
from engine.code_lists.reader import RETRY_PAUSES_SECONDS
from engine.code_lists.schedule import AFTER_FAILURE, HOUR_MS, LastReads, last_reads
from engine.code_lists.sync import SCHEDULE, SOURCE_PAUSE_MS, Synchroniser
from engine.database.database import Database
from engine.facilities.cache import FacilityCache
from engine.facilities.credentials import NoAccount
from engine.facilities.facilities import FacilityRow, set_credentials
from engine.facilities.vault import Vault, new_key
from engine.limits.breaker import REFUSED_PAUSE_SECONDS
from engine.specs.code_list import CodeListRow
from engine.specs.upstream import UpstreamSpec
from sandbox.bpjs.clinics import DEMO_CLINIC
from sandbox.bpjs.reference import diagnoses, drugs, short
from sandbox.world import World
from tests.adapters.memory import MemoryTokens
from tests.conftest import Clock

pytestmark = pytest.mark.anyio

CATALOG = load(Path(__file__).parents[3] / "config")
SECRETS = {"cons_id": DEMO_CLINIC.cons_id, "secret_key": DEMO_CLINIC.secret}
KEYS = {
    "pcare": {"user_key": DEMO_CLINIC.pcare_key, "username": DEMO_CLINIC.username, "password": DEMO_CLINIC.password},
    "antrean": {"user_key": DEMO_CLINIC.antrean_key},
}
BASES = {"pcare": "/pcare-rest", "antrean": "/antreanfktp"}
LISTS = [name for name, code_list in CATALOG.code_lists.items() if code_list.upstream.name in BASES]
SUNDAYS = 1
"""Closed days among the next seven."""


class Accounts:
    """Accounts of the demo clinic; raises a problem for an upstream named in `problem`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.problem: str | None = None

    async def get(self, facility_id: int, upstream: UpstreamSpec, *, fresh: bool = False) -> Account | NoAccount:
        secrets = {**SECRETS, **KEYS.get(upstream.name, {})}
        if self.problem:
            return NoAccount(self.problem)
        return Account(facility_id, self._url + BASES[upstream.name], secrets)


def nothing_follows(code_list: str, owner: int) -> list[Any]:
    return []


class SyncSetup:
    """A synchroniser against the sandbox, whose waits take no time."""

    def __init__(
        self,
        database: Database,
        facility: FacilityRow,
        accounts: Accounts,
        upstreams: dict[str, Any],
        clock: Clock,
    ) -> None:
        self.database, self.facility, self.accounts, self.clock = database, facility, accounts, clock
        self.waited: list[float] = []
        self.catalog = CATALOG
        self.synchroniser = Synchroniser(
            database,
            lambda: self.catalog,
            accounts,  # type: ignore[arg-type]
            FacilityCache(database),
            upstreams.__getitem__,
            nothing_follows,
            self._wait,
        )
        self.upstreams = upstreams

    async def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def read(self, name: str) -> Any:
        """Request a list, read it, and return its reading."""
        await synchronisations.begin(self.database, self.facility.id, name, "sari")
        held = await synchronisations.lease_next(self.database)
        assert held is not None
        await self.synchroniser.read(held)
        return (await synchronisations.latest(self.database, self.facility.id))[name]

    async def rows(self, name: str) -> list[dict[str, Any]]:
        return await copies.rows_of(self.database, self.facility.id, name)


async def reads(setup: SyncSetup) -> LastReads:
    return await last_reads(setup.database, [(setup.facility.id, name) for name in LISTS])


@pytest.fixture
def world(clock: Clock) -> World:
    return World(now=lambda: clock.now / 1000)


@pytest.fixture
async def setup(database: Database, facility: FacilityRow, url: str, clock: Clock) -> AsyncIterator[SyncSetup]:
    wire = open_wire()
    upstreams = {name: ADAPTERS["bpjs"](CATALOG.upstreams[name].profile, MemoryTokens(), wire) for name in BASES}
    for upstream in upstreams.values():
        upstream._wall = lambda: clock.now / 1000  # type: ignore[attr-defined]
    unlimited = {name: with_rate(CATALOG.code_lists[name]) for name in LISTS}
    setup = SyncSetup(database, facility, Accounts(url), upstreams, clock)
    setup.catalog = replace(CATALOG, code_lists=unlimited)
    yield setup
    await wire.close()


def with_rate(code_list: Any) -> Any:
    return replace(code_list, upstream=replace(code_list.upstream, rate=None))


async def test_every_shipped_list_is_read_as_a_whole(setup: SyncSetup) -> None:
    for name in LISTS:
        reading = await setup.read(name)
        assert (name, reading.state, reading.problem) == (name, "done", None)
    counts = {name: len(await setup.rows(name)) for name in LISTS}
    assert counts["pcare_diagnosa"] == len(diagnoses())
    assert counts["pcare_obat"] == len(drugs())
    assert counts["pcare_tindakan"] == 3 * 212
    assert counts["pcare_subspesialis"] == 3 * len(short("spesialis"))
    assert counts["antrean_poli"] == 3 * (7 - SUNDAYS)
    assert counts["antrean_dokter"] == len(short("jadwal")) * (7 - SUNDAYS)


async def test_a_second_reading_tells_what_came_changed_and_vanished(
    setup: SyncSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await setup.read("pcare_dokter")).added == 4
    doctors = [*short("dokter")[1:], {"kdDokter": "900009", "nmDokter": "dr. Baru"}]
    doctors[0] = {**doctors[0], "nmDokter": "dr. Ganti Nama"}
    monkeypatch.setattr("sandbox.bpjs.reference.short", lambda name: doctors if name == "dokter" else [])
    reading = await setup.read("pcare_dokter")
    assert (reading.added, reading.changed, reading.gone) == (1, 1, 1)
    assert {row["name"] for row in await setup.rows("pcare_dokter")} >= {"dr. Ganti Nama", "dr. Baru"}
    everything = await copies.search(setup.database, setup.facility.id, "pcare_dokter")
    assert [row.key for row in everything.rows if row.gone_at is not None] == ["900001"]


async def test_a_reading_that_fails_half_way_leaves_the_old_copy(setup: SyncSetup, world: World) -> None:
    await setup.read("pcare_alergi")
    before = await setup.rows("pcare_alergi")
    world.faults.add("html-502", path="/jenis/02")
    reading = await setup.read("pcare_alergi")
    assert (reading.state, reading.done, "BPJS PCare" in reading.problem) == ("failed", 1, True)
    assert (await setup.rows("pcare_alergi"), setup.waited) == (before, list(RETRY_PAUSES_SECONDS))


async def test_an_outage_of_a_moment_is_waited_for(setup: SyncSetup, world: World) -> None:
    world.faults.add("html-502", path="/kesadaran", times=2)
    assert (await setup.read("pcare_kesadaran")).state == "done"
    assert setup.waited == list(RETRY_PAUSES_SECONDS[:2])


async def test_a_reading_whose_worker_died_goes_on_where_it_was(setup: SyncSetup, world: World, clock: Clock) -> None:
    await synchronisations.begin(setup.database, setup.facility.id, "pcare_tindakan", "sari")
    dead = await synchronisations.lease_next(setup.database)
    assert dead is not None
    assert await synchronisations.store_page(setup.database, dead, [CodeListRow("10/x", {})], done=1, offset=0, total=3)
    assert await synchronisations.lease_next(setup.database) is None
    clock.pass_(61)
    await setup.synchroniser.tick()
    asked = [line["path"] for line in world.witness.log if "tindakan" in line["path"]]
    assert not [path for path in asked if "/kdTkp/10/" in path]
    assert (await synchronisations.latest(setup.database, setup.facility.id))["pcare_tindakan"].state == "done"


async def test_two_workers_do_not_read_one_list_twice(setup: SyncSetup) -> None:
    assert await synchronisations.begin(setup.database, setup.facility.id, "pcare_poli", "sari") is not None
    assert await synchronisations.begin(setup.database, setup.facility.id, "pcare_poli", "budi") is None
    held = await synchronisations.lease_next(setup.database)
    assert held is not None
    assert await synchronisations.store_page(setup.database, held, [], done=1, offset=0, total=1)
    assert not await synchronisations.store_page(setup.database, held, [], done=1, offset=0, total=1)


async def test_the_schedule_asks_when_a_copy_is_old(setup: SyncSetup, clock: Clock) -> None:
    await setup.synchroniser.tick()
    readings = await synchronisations.latest(setup.database, setup.facility.id)
    assert {(row.actor, row.state) for row in readings.values()} == {(SCHEDULE, "done")}
    assert len(readings) == len(LISTS)
    clock.pass_(6 * HOUR_MS / 1000)
    await setup.synchroniser.tick()
    again = await synchronisations.latest(setup.database, setup.facility.id)
    assert {name for name in readings if again[name].id != readings[name].id} == {"antrean_poli", "antrean_dokter"}


async def test_a_clinic_without_credentials_is_left_alone(setup: SyncSetup) -> None:
    setup.accounts.problem = "Kredensial belum diisi."
    await setup.synchroniser.tick()
    assert await synchronisations.latest(setup.database, setup.facility.id) == {}
    assert (await setup.read("pcare_poli")).problem == "Kredensial belum diisi."


async def test_a_list_that_is_read_over_another_has_it_read_and_waits(setup: SyncSetup, clock: Clock) -> None:
    await synchronisations.begin(setup.database, setup.facility.id, "pcare_subspesialis", "sari")
    await setup.synchroniser.tick()
    clock.pass_(SOURCE_PAUSE_MS / 1000)
    await setup.synchroniser.tick()
    readings = await synchronisations.latest(setup.database, setup.facility.id)
    assert {readings[name].state for name in ("pcare_spesialis", "pcare_subspesialis")} == {"done"}
    assert len(await setup.rows("pcare_subspesialis")) == 3 * len(short("spesialis"))


async def test_two_workers_at_the_first_start_read_every_list(setup: SyncSetup) -> None:
    other = Synchroniser(
        setup.database,
        lambda: setup.catalog,
        setup.accounts,  # type: ignore[arg-type]
        FacilityCache(setup.database),
        setup.upstreams.__getitem__,
        nothing_follows,
        setup._wait,
    )
    await asyncio.gather(setup.synchroniser.tick(), other.tick())
    await setup.synchroniser.tick()
    readings = await synchronisations.latest(setup.database, setup.facility.id)
    assert {(row.state, row.problem, row.tries) for row in readings.values()} == {("done", None, 0)}
    assert len(await setup.rows("antrean_dokter")) == len(short("jadwal")) * (7 - SUNDAYS)


async def test_who_comes_to_it_while_the_other_is_read_does_not_give_up(setup: SyncSetup, clock: Clock) -> None:
    await synchronisations.begin(setup.database, setup.facility.id, "antrean_poli", "sari")
    reading = await synchronisations.lease_next(setup.database)
    await synchronisations.begin(setup.database, setup.facility.id, "antrean_dokter", "sari")
    waiting = await synchronisations.lease_next(setup.database)
    assert reading is not None
    assert waiting is not None
    await setup.synchroniser.read(waiting)
    assert (await synchronisations.latest(setup.database, setup.facility.id))["antrean_dokter"].state == "running"
    await setup.synchroniser.read(reading)
    clock.pass_(SOURCE_PAUSE_MS / 1000)
    await setup.synchroniser.tick()
    assert len(await setup.rows("antrean_dokter")) == len(short("jadwal")) * (7 - SUNDAYS)


async def test_a_list_over_one_without_rows_has_none(setup: SyncSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.bpjs.reference.short", lambda name: [])
    assert (await setup.read("pcare_spesialis")).state == "done"
    reading = await setup.read("pcare_subspesialis")
    assert (reading.state, reading.problem, await setup.rows("pcare_subspesialis")) == ("done", None, [])


async def test_a_list_over_one_that_fails_says_what_it_waits_for(setup: SyncSetup, world: World) -> None:
    world.faults.add("html-502", path="/spesialis$")
    await setup.read("pcare_spesialis")
    reading = await setup.read("pcare_subspesialis")
    assert (reading.state, sentence(reading.problem)) == (
        "failed",
        "Menunggu Spesialis, yang belum berhasil disinkronkan.",
    )
    world.faults.clear()
    for _ in range(2):
        await later(setup)
    assert len(await setup.rows("pcare_subspesialis")) == 3 * len(short("spesialis"))


async def later(setup: SyncSetup, seconds: float = AFTER_FAILURE.first + 5) -> None:
    setup.clock.pass_(seconds)
    await setup.synchroniser.tick()


async def test_a_failed_read_is_tried_again_after_pauses_that_grow_to_minutes(
    setup: SyncSetup, world: World, clock: Clock
) -> None:
    world.faults.add("html-502", path="/kesadaran")
    pauses = []
    await setup.read("pcare_kesadaran")
    for _ in range(9):
        last = (await reads(setup))[setup.facility.id, "pcare_kesadaran"]
        pauses.append(((last.retry_at or 0) - clock()) / 1000)
        clock.pass_(pauses[-1])
        await setup.synchroniser.tick()
    whole = [15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert all(full / 2 <= pause <= full for full, pause in zip(whole, pauses, strict=True))
    world.faults.clear()
    await later(setup, 900)
    last = (await reads(setup))[setup.facility.id, "pcare_kesadaran"]
    assert (last.state, last.tries, last.retry_at) == ("done", 0, None)


async def test_a_restart_and_another_worker_keep_the_pause(setup: SyncSetup, world: World, clock: Clock) -> None:
    world.faults.add("html-502", path="/kesadaran", times=8)
    for _ in range(2):
        await setup.read("pcare_kesadaran")
    before = await reads(setup)
    restarted = Synchroniser(
        setup.database,
        lambda: setup.catalog,
        setup.accounts,  # type: ignore[arg-type]
        FacilityCache(setup.database),
        setup.upstreams.__getitem__,
        nothing_follows,
        setup._wait,
    )
    await restarted.tick()
    key = (setup.facility.id, "pcare_kesadaran")
    assert (await reads(setup))[key] == before[key]
    await later(setup)
    assert (await reads(setup))[key].state == "done"


async def test_an_outage_at_the_first_start_costs_no_day(setup: SyncSetup, world: World) -> None:
    world.faults.add("html-502", path="/(pcare-rest|antreanfktp)/")
    await setup.synchroniser.tick()
    world.faults.clear()
    for _ in range(2):
        await later(setup)
    readings = await synchronisations.latest(setup.database, setup.facility.id)
    assert {name: row.state for name, row in readings.items()} == dict.fromkeys(LISTS, "done")


async def test_lists_log_in_once_for_each_pause_of_a_refused_account(setup: SyncSetup, world: World) -> None:
    world.faults.add(
        status=401, text='{"metaData": {"code": 401, "message": "Username atau password salah"}}', commit=False
    )
    await setup.synchroniser.tick()
    logins = [len(world.witness.log)]
    for pause in (*REFUSED_PAUSE_SECONDS, 300, 300):
        await later(setup, pause)
        logins.append(len(world.witness.log))
    assert logins[0] == len(BASES)
    assert all(0 < after - before <= len(BASES) for before, after in pairwise(logins))
    reading = (await synchronisations.latest(setup.database, setup.facility.id))["pcare_tindakan"]
    assert "Username atau password salah" in reading.problem


async def test_what_a_list_is_refused_for_opens_again_by_a_list(setup: SyncSetup, world: World) -> None:
    world.faults.add(status=401, text="{}", commit=False, times=len(BASES))
    await setup.synchroniser.tick()
    for _ in range(2):
        await later(setup)
    readings = await synchronisations.latest(setup.database, setup.facility.id)
    assert {row.state for row in readings.values()} == {"done"}
    assert await setup.database.fetch(text("SELECT 1 FROM channels")) == []


async def test_new_credentials_end_the_pause(setup: SyncSetup, world: World, clock: Clock) -> None:
    world.faults.add(status=401, text="{}", commit=False, times=1)
    setup.catalog = replace(setup.catalog, code_lists={"pcare_poli": setup.catalog.code_lists["pcare_poli"]})
    await setup.synchroniser.tick()
    clock.pass_(1)
    await set_credentials(setup.database, Vault((new_key(),)), setup.facility.id, "pcare", {})
    await setup.synchroniser.tick()
    assert (await synchronisations.latest(setup.database, setup.facility.id))["pcare_poli"].state == "done"


async def test_rows_are_found_by_any_of_their_words(setup: SyncSetup) -> None:
    await setup.read("pcare_diagnosa")
    page = await copies.search(setup.database, setup.facility.id, "pcare_diagnosa", "hyperTENSION prim")
    assert [row.key for row in page.rows] == ["I10"]
    first = await copies.search(setup.database, setup.facility.id, "pcare_diagnosa", "", size=10)
    second = await copies.search(setup.database, setup.facility.id, "pcare_diagnosa", "", first.next or "", 10)
    assert (len(first.rows), len(second.rows)) == (10, 10)
    assert second.rows[0].key > first.rows[-1].key
    assert (await copies.search(setup.database, setup.facility.id, "pcare_diagnosa", "100%_")).rows == []


async def test_rows_come_in_the_order_of_the_beginnings_of_their_keys(setup: SyncSetup) -> None:
    for key in ("91a", "92a", "92b", "93a", "93b", "94a", "x"):
        await copies.add_row(setup.database, setup.facility.id, "codes", CodeListRow(key, {"name": f"Kode {key}"}))
    keys: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await copies.search(setup.database, setup.facility.id, "codes", "kode", after, 2, ("93", "92"))
        keys, after = [*keys, *(row.key for row in page.rows)], page.next
    assert keys == ["93a", "93b", "92a", "92b", "91a", "94a", "x"]
