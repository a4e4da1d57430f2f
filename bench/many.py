"""Many deliveries at once, written beside the engine: what a list or a bulk action costs among them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_ONE = "SELECT * FROM deliveries WHERE id = ?"
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"


def multiply(database: Path, id_: int, many: int) -> None:
    """Copy a delivery of a SQLite database under `many` other keys, and count the copies."""
    opened = sqlite3.connect(database, timeout=60)
    try:
        columns = [name for _, name, *_ in opened.execute("PRAGMA table_info(deliveries)")]
        names = ", ".join(name for name in columns if name not in {"id", "key"})
        opened.execute(
            f"{_NUMBERS} INSERT INTO deliveries (key, {names}) SELECT 'banyak-' || n, {names} FROM numbers, ({_ONE})",
            [many, id_],
        )
        cell = "SELECT facility_id, date, spec, status, ? FROM"
        opened.execute(
            f"INSERT INTO counters (facility_id, date, spec, status, n) {cell} ({_ONE}) WHERE true "
            "ON CONFLICT DO UPDATE SET n = counters.n + excluded.n",
            [many, id_],
        )
        opened.execute(
            f"INSERT INTO totals (facility_id, spec, status, n) {cell.replace('date, ', '')} ({_ONE}) WHERE true "
            "ON CONFLICT DO UPDATE SET n = totals.n + excluded.n",
            [many, id_],
        )
        opened.commit()
    finally:
        opened.close()
