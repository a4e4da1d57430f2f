"""Lists of a clinic after years, by the words and values of their columns; and the cost of the index behind them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from statistics import quantiles
from tempfile import TemporaryDirectory

import orjson
import uvloop
from sqlalchemy import text

from bench.clinic import BATCH, SPEC, UPSTREAM, BenchClinic, clinic, no_pause, plain
from bench.many import DAYS, PATIENTS
from bench.options import Options
from bench.rows import Row
from engine.database.transaction import ModelTransaction
from engine.delivery.types import NewRecord
from engine.maintenance.list_indexing import ListIndexing
from engine.outbox.add import Batch, add
from engine.queries import paging
from engine.queries.column_search import ColumnFilter
from engine.queries.deliveries import Filters

ROWS = 25  # of a page
TRIES = 40  # each with other words
BOUND_MS = 50.0  # reached by 19 of 20 pages
FIRST = date(2024, 1, 1)
LOCATIONS = ("Poli Umum", "Poli Gigi", "Poli KIA", "Poli Lansia", "IGD", "Ruang Bersalin", "Poli TB", "Konseling")
DOCTORS, RARE_DOCTORS = 12, 400  # names of regular doctors, and of stand-ins who come once
STATUSES = ("finished", "arrived", "cancelled")
FAIL = text("UPDATE deliveries SET status = 'failed' WHERE spec = :spec AND id % 100 = 0")
FORGET = [
    *(text(f"DELETE FROM {table}") for table in ("counters", "totals")),
    text("INSERT INTO counters (facility_id, date, spec, status, n) "
         "SELECT facility_id, date, spec, status, COUNT(*) FROM deliveries GROUP BY 1, 2, 3, 4"),
    text("INSERT INTO totals (facility_id, spec, status, n) "
         "SELECT facility_id, spec, status, SUM(n) FROM counters GROUP BY 1, 2, 3"),
    text("ANALYZE"),
]  # fmt: skip


def rows(options: Options) -> Iterator[Row]:
    """Yield one row for each kind of question and database, and one for the cost of entering."""
    for name in ("SQLite", "PostgreSQL"):
        with TemporaryDirectory() as folder:
            if url := options.databases(folder).get(name):
                yield from uvloop.run(_measure(name, url, options.many))


async def _measure(name: str, url: str, many: int) -> list[Row]:
    async with clinic(plain(url)) as here:
        started = time.perf_counter()
        await _fill(here, many)
        stored = time.perf_counter() - started
        started = time.perf_counter()
        entered = await ListIndexing(here.hub.database, lambda: here.hub.catalog, here.hub.vault, no_pause).tick()
        spent = time.perf_counter() - started
        await here.hub.database.write_models(ModelTransaction.execute, FAIL, {"spec": SPEC})
        for statement in FORGET:
            await here.hub.database.write_models(ModelTransaction.execute, statement)
        cost = f"{spent / entered * 1e6:.0f} against {stored / many * 1e6:.0f} µs"
        report = [Row(f"entering a record in the index, {name}", "storing it", spent / stored, "<= 1.5", 0, "", cost)]
        for what, questions in _questions().items():
            pages, counts = [], []
            for filters in questions:
                pages.append(await _milliseconds(here, filters))
                counts.append(await _counting(here, filters))
            report.append(_row(f"list by {what}, {many:,}, {name}, p95", pages, counts))
        return report


def _row(what: str, pages: list[float], counts: list[float]) -> Row:
    slow, note = quantiles(pages, n=20)[-1], f"count: p95 {quantiles(counts, n=20)[-1]:.0f} ms"
    return Row(what, f"{BOUND_MS:.0f} ms", slow / BOUND_MS, "<= 1", slow, "ms", note)


async def _fill(here: BenchClinic, many: int) -> None:
    """Store visits of three years, as intake does."""
    example, batch = here.hub.catalog.specs[SPEC].example, Batch(here.facility.id, SPEC, UPSTREAM, updatable=True)
    for start in range(0, many, BATCH):
        await add(here.hub.database, batch, [_visit(dict(example), n, many) for n in range(start, start + BATCH)])


def _visit(record: dict[str, object], n: int, many: int) -> NewRecord:
    day = (FIRST + timedelta(days=n * DAYS // many)).isoformat()
    doctor = f"dr. Tetap{n % DOCTORS}" if n % 50 else f"dr. Pengganti{n // 50 % RARE_DOCTORS}"
    patient = n * 7919 % PATIENTS
    record |= {
        "id": f"RJ-{n:07}",
        "norm": f"lama-{patient:06}",
        "patient_name": f"Pasien Contoh{patient}",
        "practitioner_name": doctor,
        "location_name": LOCATIONS[n % 7 if n % 1000 else 7],
        "status": STATUSES[n % 3],
        "arrived_at": f"{day}T08:00:00+07:00",
    }
    return NewRecord(
        str(record["id"]), day, orjson.dumps(record).decode(), f"{n:032}", patient_norm=str(record["norm"]),
        patient_name=str(record["patient_name"]),
    )  # fmt: skip


def _questions() -> dict[str, list[Filters]]:
    dice = random.Random(1)
    days = [(FIRST + timedelta(days=dice.randrange(DAYS))).isoformat() for _ in range(TRIES)]
    locations = [dice.choice(LOCATIONS[:7]) for _ in days]
    failed = ("failed",)

    def of(column: str, value: str) -> tuple[ColumnFilter, ...]:
        return (ColumnFilter(column, value),)

    return {
        "a frequent word": [Filters((SPEC,), text=f"tetap{dice.randrange(DOCTORS)}") for _ in days],
        "the beginning of a frequent word": [Filters((SPEC,), text=typed) for typed in ["po", "pol", "tet", "dr"] * 10],
        "a rare word": [Filters((SPEC,), text=f"pengganti{dice.randrange(RARE_DOCTORS)}") for _ in days],
        "the beginning of a number": [Filters((SPEC,), text=f"RJ-{dice.randrange(1000):03}") for _ in days],
        "two words": [Filters((SPEC,), text=f"dr tetap{dice.randrange(DOCTORS)}") for _ in days],
        "a word on a day": [Filters((SPEC,), text="umum", date_from=day, date_to=day) for day in days],
        "a frequent value": [Filters((SPEC,), columns=of("location", value)) for value in locations],
        "a rare value": [Filters((SPEC,), columns=of("location", "Konseling")) for _ in days],
        "a value and a status": [
            Filters((SPEC,), statuses=failed, columns=of("location", value)) for value in locations
        ],
        "a rare value and a status": [
            Filters(
                (SPEC,), statuses=failed, columns=of("practitioner", f"dr. Pengganti{dice.randrange(RARE_DOCTORS)}")
            )
            for _ in days
        ],
        "two values": [
            Filters(
                (SPEC,), columns=(*of("location", value), *of("practitioner", f"dr. Tetap{dice.randrange(DOCTORS)}"))
            )
            for value in locations
        ],
        "a value on a day": [
            Filters((SPEC,), date_from=day, date_to=day, columns=of("location", value))
            for day, value in zip(days, locations, strict=True)
        ],
    }


async def _milliseconds(here: BenchClinic, filters: Filters) -> float:
    started = time.perf_counter()
    within = await paging.newest(here.hub.database, here.facility.id, filters)
    await paging.page(here.hub.database, here.facility.id, within, ROWS)
    return (time.perf_counter() - started) * 1e3


async def _counting(here: BenchClinic, filters: Filters) -> float:
    started = time.perf_counter()
    within = await paging.newest(here.hub.database, here.facility.id, filters)
    await paging.count(here.hub.database, here.facility.id, within)
    return (time.perf_counter() - started) * 1e3
