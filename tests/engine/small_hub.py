"""A small hub for engine tests: a catalog of three types, a scripted upstream, a worker without a broker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from adapters.base import Account, Call, Probe, Problem, Reply, Verdict
from engine.actors import make_broker
from engine.catalog.catalog import Catalog
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.intake.intake import Accepted, Refused
from engine.limits.breaker import CircuitBreaker
from engine.limits.slot_allocator import SlotAllocator
from engine.maintenance.list_indexing import ListIndexing
from engine.outbox import counters
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.sweep import sweep
from engine.queries.deliveries import one
from engine.sending.drain import Drain
from engine.sending.refused_paths import RefusedPaths
from engine.sending.send import Sender
from engine.sending.settlement_writer import SettlementWriter
from engine.sending.worker_context import WorkerContext
from engine.settings import Settings
from engine.value_rules.active import ActiveRules
from tests.conftest import Clock

CATALOG = """
groups: [Uji]
upstreams:
  ministry:
    label: Kementerian
    adapter: scripted
    credentials: {secret: Rahasia}
    concurrency: 4
    retry: {attempts: 3, first: 10, factor: 2, cap: 60}
    breaker: {failures: 3, pause: 30}
    defaults:
      endpoint: {method: POST, reference: "{{ body.id }}"}
      update: {method: PUT}
      find: {candidates: "{{ body.found }}", reference: "{{ candidate.id }}"}
code_lists:
  doctors:
    label: Dokter
    group: Referensi
    upstream: ministry
    path: /Doctor
    rows: "{{ body.found }}"
    key: "{{ row.id }}"
    columns: {name: {label: Nama, value: "{{ row.name }}"}}
specs:
  Person:
    label: Orang
    group: Uji
    upstream: ministry
    foundation: true
    find: {path: /Person, query: {nik: "{{ record.nik }}"}}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, nik, at]
      properties: {id: {type: string}, nik: {type: string}, at: {type: string}}
    columns: {nik: {label: NIK, value: "{{ record.nik | mask }}"}}
    example: {id: P1, nik: "3171010101010001", at: "2026-03-10"}
  Visit:
    label: Kunjungan
    group: Uji
    upstream: ministry
    endpoint: {path: /Visit}
    update:
      path: "/Visit/{{ reference }}"
      after_create: "{{ record.done }}"
    find: {path: /Visit, query: {identifier: "{{ record.id }}"}}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    patient: {norm: "{{ record.person }}"}
    record:
      required: [id, at]
      properties:
        id: {type: string}
        person: {type: string}
        at: {type: string}
        done: {type: boolean}
        findings: {type: array, items: {type: string}}
        note: {type: string}
        passport: {type: string, masked: true}
    needs:
      person: {spec: Person, key: "{{ record.person }}"}
      findings: {spec: Finding, each: "{{ record.findings }}", key: "{{ item }}", only: update}
    columns: {note: {label: Catatan, value: "{{ record.note }}"}}
    payload:
      kind: Visit
      id: "{{ reference }}"
      identifier: "{{ record.id }}"
      person: {$if: "{{ needs.person }}", reference: "{{ needs.person.reference }}"}
      findings: {$for: "{{ needs.findings }}", $as: finding, $each: "{{ finding.reference }}"}
      passport: "{{ record.passport }}"
      note: "{{ record.note }}"
    example: {id: V1, at: "2026-03-10T08:00:00+07:00"}
  Finding:
    label: Temuan
    group: Uji
    upstream: ministry
    endpoint: {path: /Finding}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record:
      required: [id, visit, at]
      properties: {id: {type: string}, visit: {type: string}, at: {type: string}}
    needs: {visit: {spec: Visit, key: "{{ record.visit }}"}}
    columns: {visit: {label: Kunjungan, value: "{{ record.visit }}"}}
    payload: {kind: Finding, identifier: "{{ record.id }}", visit: "{{ needs.visit.reference }}"}
    example: {id: F1, visit: V1, at: "2026-03-10T08:00:00+07:00"}
"""
AT = "2026-03-10T08:00:00+07:00"
# Waits for deliveries that are sent by now; the next sweep makes them due.
OVERLOOKED = """
SELECT COUNT(*) FROM waits AS w JOIN deliveries AS d
ON d.facility_id = w.facility_id AND d.spec = w.spec AND d.key = w.key WHERE d.reference IS NOT NULL AND NOT w.set_aside
"""

Answer = Reply | Callable[[Call], Reply]


def accepted(**content: Any) -> Reply:
    return Reply(Verdict.ACCEPTED, 201, body=orjson.dumps(content), content=content)


def refused(verdict: Verdict, status: int | None = None, **more: Any) -> Reply:
    return Reply(verdict, status, message=more.pop("message", verdict.value), **more)


class Ministry:
    """Stores the payloads it receives and answers searches; answers in `script` come first, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.people = {"3171010101010001": "P-1"}
        self.script: list[Answer] = []
        self.problems: list[Problem] = []
        self.hold: asyncio.Event | None = None

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [orjson.loads(call.body or b"null") for call in self.calls if call.method == "POST"]

    @property
    def puts(self) -> list[dict[str, Any]]:
        return [orjson.loads(call.body or b"null") for call in self.calls if call.method == "PUT"]

    async def send(self, call: Call, account: Account) -> Reply:
        self.calls.append(call)
        if self.hold is not None:
            await self.hold.wait()
        if self.script:
            answer = self.script.pop(0)
            return answer if isinstance(answer, Reply) else answer(call)
        return self.answer(call)

    def answer(self, call: Call) -> Reply:
        if call.method == "POST":
            return self.store(call)
        if call.method == "PUT":
            return accepted(id=call.path.rsplit("/", 1)[1])
        query = dict(call.query)
        people = [{"id": self.people[query["nik"]]}] if query.get("nik") in self.people else []
        if query.get("identifier") in self.stored:
            people = [self.stored[query["identifier"]]]
        return accepted(found=people)

    def store(self, call: Call) -> Reply:
        payload = orjson.loads(call.body or b"null")
        if payload["identifier"] in self.stored:
            return refused(Verdict.DUPLICATE, 400)
        self.stored[payload["identifier"]] = {**payload, "id": f"id-{payload['identifier']}"}
        return accepted(id=f"id-{payload['identifier']}")

    def store_and_be_silent(self, call: Call) -> Reply:
        """Store the write but return no answer."""
        self.store(call)
        return refused(Verdict.UNSURE)

    def check(self, payload: Any) -> Sequence[Problem]:
        return self.problems

    async def probe(self, account: Account) -> Probe:
        return Probe(True, "", 0.0)

    async def close(self) -> None:
        return None


class SmallHub:
    """A hub with the scripted ministry, and a way to let the worker run until nothing is due."""

    def __init__(
        self, hub: Hub, facility: FacilityRow, ministry: Ministry, clock: Clock, upstream: str = "ministry"
    ) -> None:
        self.hub = hub
        self.facility = facility
        self.ministry = ministry
        self.clock = clock
        self.channel = Channel(upstream, facility.id)
        self.breaker = CircuitBreaker(hub.database)
        self.refused_paths = RefusedPaths(hub.database)
        self.rung: set[Channel] = set()

    async def hand_in(self, spec: str, *records: dict[str, Any]) -> list[Accepted | Refused]:
        return await self.hub.intake.hand_in(self.facility, spec, [{"at": AT, **record} for record in records])

    def drain(self, writer: SettlementWriter) -> Drain:
        context = WorkerContext(
            database=self.hub.database,
            catalog=lambda: self.hub.catalog,
            accounts=self.hub.accounts,
            breaker=self.breaker,
            refused_paths=self.refused_paths,
            writer=writer,
            sender=Sender(self.clock, random.Random(1)),
            worker="worker",
            leases={},
            slots=SlotAllocator(self.hub.database, "worker"),
            value_rules=ActiveRules(self.hub.database),
            full=lambda channel, spec: None,
        )
        upstream = self.hub.catalog.upstreams[self.channel.upstream]
        account = Account(self.facility.id, "http://ministry")
        return Drain(self.channel, self.facility, upstream, self.ministry, account, context)

    async def work(self) -> None:
        """Run as a worker does after the bell: drain, settle, sweep, until nothing is due now."""
        while True:
            self.rung.clear()
            await self.work_once()
            self.rung |= await sweep(self.hub.database)
            self.rung |= await keep_lanes(self.hub.database)
            if not self.rung:
                return

    async def work_once(self) -> None:
        """Drain and settle; channels that became due by it are in `rung`."""
        writer = SettlementWriter(self.hub.database, self.rung.add)
        writing = asyncio.create_task(writer.run())
        await self.drain(writer).run()
        await writer.drained()
        writing.cancel()

    async def index(self) -> int:
        """Enter what is queued in the index of lists, as a worker does every second."""
        return await ListIndexing(self.hub.database, lambda: self.hub.catalog, self.hub.vault, no_sleep).tick()

    async def row(self, spec: str, key: str) -> Any:
        query = text("SELECT * FROM deliveries WHERE spec = :spec AND key = :key")
        [row] = await self.hub.database.fetch(query, {"spec": spec, "key": key})
        return row

    async def status(self, spec: str, key: str) -> str:
        return str((await self.row(spec, key)).status)

    async def waits(self, spec: str, key: str) -> list[tuple[str, str]]:
        """Return (spec, key) of the deliveries that this one waits for."""
        detail = await one(self.hub.database, self.facility.id, (await self.row(spec, key)).id)
        return [(wait.spec, wait.key) for wait in detail.waits_for] if detail else []

    async def attempts(self) -> list[str]:
        rows = await self.hub.database.fetch(text("SELECT operation, verdict FROM attempts ORDER BY id"))
        return [f"{row.operation} {row.verdict}" for row in rows]

    async def counters_are_right(self) -> bool:
        return await counters.kept(self.hub.database) == await counters.recount(self.hub.database)


_catalogs: dict[str, Catalog] = {}  # loaded by an earlier test of this process, by its YAML


def _copy(catalog: Catalog) -> Catalog:
    """Return a catalog whose entries a test may remove or replace."""
    parts = {part.name: getattr(catalog, part.name) for part in fields(catalog)}
    return replace(catalog, **{name: dict(value) for name, value in parts.items() if isinstance(value, dict)})


async def no_sleep(seconds: float) -> None:
    return None


async def open_small_hub(tmp_path: Path, database_url: str, clock: Clock, catalog: str = CATALOG) -> SmallHub:
    """Open a hub on a migrated, empty database with one facility and its secret."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "resources.yaml").write_text(catalog, "utf-8")
    ministry = Ministry()
    settings = Settings(
        environment="demo",
        database_url=database_url,
        secret_keys=(new_key(),),
        config_dir=config,
        addresses={"ministry": "http://ministry"},
    )
    hub = await Hub.open(
        settings,
        durable=False,
        broker=make_broker("memory://"),
        clock=clock,
        adapters={"scripted": lambda profile, tokens, wire: ministry},
        catalog=_copy(_catalogs[catalog]) if catalog in _catalogs else None,
    )
    _catalogs.setdefault(catalog, _copy(hub.catalog))
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    await set_credentials(hub.database, hub.vault, facility.id, "ministry", {"secret": "rahasia"})
    return SmallHub(hub, facility, ministry, clock)
