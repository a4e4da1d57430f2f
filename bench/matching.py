"""Code search as the pages call it: the right code among the first five results, and the time taken."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import orjson

from bench.misspelt import TypedQuery, queries
from bench.options import Options
from bench.rows import Row
from engine.catalog.catalog import load
from engine.database.database import Database
from engine.database.migrate import migrate
from engine.database.statements import Command
from engine.mapping.code_search import CodeSearch
from engine.specs.code_list import SHARED, rows_of
from engine.specs.mapping import MappingSpec
from sandbox.kfa.catalogue import ProductCatalogue, generate
from sandbox.kfa.documents import document

CONFIG = Path(__file__).resolve().parent.parent / "config"
QUERIES = 1_000
CHUNK = 5_000
FILL = Command(
    """
INSERT INTO code_rows (facility_id, list, key, content, words, since, changed_at)
SELECT 0, :list, v.key, v.content, '', 0, 0 FROM {rows} AS v
""",
    rows="key text, content text",
)
ANALYZE = Command("ANALYZE code_rows")
EMPTY = Command("DELETE FROM code_rows")


def rows(options: Options) -> Iterator[Row]:
    """Yield one row for each size and database."""
    mapping = load(CONFIG).mappings["kfa"]
    for size in (20_000,) if options.quick else (20_000, 100_000):
        catalogue = generate(size)
        misspelt = list(queries(catalogue.products, QUERIES))
        with tempfile.TemporaryDirectory() as folder:
            for name, url in options.databases(folder).items():
                yield asyncio.run(_row(mapping, catalogue, misspelt, name, url))


async def _row(
    mapping: MappingSpec, catalogue: ProductCatalogue, misspelt: list[TypedQuery], name: str, url: str
) -> Row:
    database = Database(url, durable=False)
    try:
        await migrate(database, "demo")
        await fill(database, mapping, catalogue)
        code_searches = CodeSearch(database, None)  # type: ignore[arg-type]  # nothing missing is used
        await code_searches.ready(mapping, SHARED)
        first = five = 0
        taken = []
        for query in misspelt:
            began = time.perf_counter()
            codes = [match.code for match in await code_searches.search(mapping, SHARED, query.text, 5)]
            taken.append((time.perf_counter() - began) * 1000)
            first += bool(codes) and codes[0] in query.meant
            five += any(code in query.meant for code in codes)
    finally:
        await database.execute(EMPTY)
        await database.close()
    what = f"search of {len(catalogue.products):,} products, {name}, recall@5"
    against = f"{len(misspelt):,} misspelt queries (@1 {first / len(misspelt):.3f})"
    return Row(what, against, five / len(misspelt), ">= 0.95", quantiles(taken, n=20)[-1], "ms p95")


async def fill(database: Database, mapping: MappingSpec, catalogue: ProductCatalogue) -> None:
    """Store the code list as if it had been read."""
    code_list = mapping.catalogue.list
    rows_by_key = {
        row.key: row
        for product in catalogue.products
        for row in rows_of(code_list, document(product, None), None, {})
        if not row.withdrawn
    }
    values = [[row.key, orjson.dumps(row.content).decode()] for row in rows_by_key.values()]
    for start in range(0, len(values), CHUNK):
        chunk = {"list": code_list.name, "rows": values[start : start + CHUNK]}
        await database.execute(FILL, chunk)
    await database.execute(ANALYZE)
