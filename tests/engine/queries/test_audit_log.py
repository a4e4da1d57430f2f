"""Audit log: filters, pages that meet, and a bound on what a rare match reads, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from engine.database.database import Database
from engine.database.tables import AuditEntry
from engine.queries import audit_log
from engine.queries.audit_log import AuditCursor, AuditFilters, AuditText

pytestmark = pytest.mark.anyio


async def log(database: Database, *entries: dict[str, Any]) -> None:
    plain = {"actor": "sari", "action": "resend", "facility_id": 1, "delivery_id": None, "reason": ""}
    rows = [{**plain, "at": 1000 + n, **entry} for n, entry in enumerate(entries)]
    await database.write_models(lambda tx: tx.execute(insert(AuditEntry), rows))


async def reasons(database: Database, filters: AuditFilters, size: int = 50) -> list[str]:
    return [row.reason for row in (await audit_log.page(database, filters, size)).rows]


@pytest.mark.parametrize(
    ("filters", "matching"),
    [
        (AuditFilters(), ["d", "c", "b", "a"]),
        (AuditFilters(actor="budi"), ["d", "b"]),
        (AuditFilters(action="edit"), ["c", "b"]),
        (AuditFilters(facility_id=2), ["d", "c"]),
        (AuditFilters(facility_id=2, actor="budi"), ["d"]),
        (AuditFilters(actor="budi", action="edit"), ["b"]),
        (AuditFilters(since=1001, until=1003), ["c", "b"]),
        (AuditFilters(text=AuditText("B")), ["d", "b"]),
        (AuditFilters(text=AuditText("%")), []),
        (AuditFilters(text=AuditText("zzz", actions=("edit",))), ["c", "b"]),
        (AuditFilters(text=AuditText("zzz", deliveries=(7,))), ["a"]),
    ],
)
async def test_a_filter_finds_its_entries_newest_first(
    database: Database, filters: AuditFilters, matching: list[str]
) -> None:
    first = {"reason": "a", "delivery_id": 7}
    second = {"reason": "b", "actor": "budi", "action": "edit"}
    third = {"reason": "c", "action": "edit", "facility_id": 2}
    await log(database, first, second, third, {"reason": "d", "actor": "budi", "facility_id": 2})
    assert await reasons(database, filters) == matching


async def test_pages_meet_without_gap_or_double_even_at_the_same_time(database: Database) -> None:
    await log(database, *({"reason": str(n), "at": 1000 + n // 3} for n in range(10)))
    after, seen = None, []
    while True:
        page = await audit_log.page(database, AuditFilters(), 4, after)
        seen += [row.reason for row in page.rows]
        after = page.after
        if after is None:
            break
    assert seen == [str(n) for n in reversed(range(10))]


async def test_a_rare_match_is_searched_for_in_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MAX_SCANNED", 5)
    await log(database, {"reason": "jarum"}, *({"reason": "jerami"} for _ in range(8)))
    needle = AuditFilters(text=AuditText("jarum"))
    first = await audit_log.page(database, needle, 4)
    assert (first.rows, first.complete, first.after) == ([], False, AuditCursor(1004, 5))
    second = await audit_log.page(database, needle, 4, first.after)
    assert ([row.reason for row in second.rows], second.complete, second.after) == (["jarum"], True, None)


@pytest.mark.parametrize("written", ["", "x", "1", "1.x", "-1.2", "1.2.3", "9" * 20 + ".1"])
def test_a_place_that_is_none_is_ignored(written: str) -> None:
    assert AuditCursor.read(written) is None
