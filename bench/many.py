"""Many deliveries at once, written directly to the database: the background for measuring a page or a bulk action."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

DAYS, PATIENTS = 1_096, 20_000  # of a clinic in three years

_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
_COUNTED = {"counters": "facility_id, date, spec, status", "totals": "facility_id, spec, status"}
_WORDS = """
INSERT OR IGNORE INTO patient_words (facility_id, norm, word)
SELECT DISTINCT facility_id, patient_norm, lower(patient_norm) FROM deliveries WHERE id > ?
"""
_SPREAD = {
    "key": "'lama-' || :id || '-' || n",
    "date": f"date(date, '-' || (n % {DAYS}) || ' days')",
    "patient_norm": f"printf('lama-%06d', n % {PATIENTS})",
}


def multiply(database: Path, id_: int, many: int) -> None:
    """Copy a delivery of a SQLite database under `many` other keys, and count the copies."""
    _copy(database, id_, 1, many, {"key": "'banyak-' || n"})


def spread(database: Path, id_: int, first: int, last: int) -> None:
    """Copy a delivery under the numbers `first` to `last`, spread over the days and the patients of a clinic."""
    _copy(database, id_, first, last, _SPREAD)


def _copy(database: Path, id_: int, first: int, last: int, changed: Mapping[str, str]) -> None:
    with closing(sqlite3.connect(database, timeout=60)) as opened, opened:
        columns = [name for _, name, *_ in opened.execute("PRAGMA table_info(deliveries)") if name != "id"]
        [(before,)] = opened.execute("SELECT MAX(id) FROM deliveries")
        opened.execute(
            f"{_NUMBERS} INSERT INTO deliveries ({', '.join(columns)}) "
            f"SELECT {', '.join(changed.get(name, name) for name in columns)} "
            "FROM numbers, (SELECT * FROM deliveries WHERE id = :id)",
            {"first": first, "last": last, "id": id_},
        )
        for table, cell in _COUNTED.items():
            opened.execute(
                f"INSERT INTO {table} ({cell}, n) SELECT {cell}, COUNT(*) FROM deliveries WHERE id > ? GROUP BY {cell} "
                f"ON CONFLICT DO UPDATE SET n = {table}.n + excluded.n",
                [before],
            )
        opened.execute(_WORDS, [before])
