"""Estimates what reading a code list costs that is read once for each row of another list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.code_lists import copies
from engine.code_lists.synchronisations import SyncRow
from engine.database.database import Database
from engine.specs.code_list import CodeList


class ReadingCost(NamedTuple):
    """Number of requests, sent one after the other; None: the list for whose rows it is read has no copy yet.

    `seconds` is what they take at the pace of the last reading of this list or of the other one; None: none is known.
    """

    source: CodeList
    requests: int | None
    seconds: float | None


async def cost_of(
    database: Database,
    lists: Mapping[str, CodeList],
    code_list: CodeList,
    facility_id: int,
    newest: Mapping[str, SyncRow],
) -> ReadingCost | None:
    """Return the cost of reading a list; None for one that is not read for each row of another list.

    `newest` is the last synchronisation of each list.
    """
    if code_list.read_for is None:
        return None
    source = lists[code_list.read_for]
    rows = await copies.count(database, source.owner(facility_id), source.name)
    if not rows:
        return ReadingCost(source, None, None)
    read = (newest[name] for name in (code_list.name, source.name) if name in newest)
    pace = next((_seconds_per_request(row) for row in read if row.state == "done" and row.total), None)
    return ReadingCost(source, rows, None if pace is None else rows * pace)


def _seconds_per_request(row: SyncRow) -> float:
    return ((row.ended_at or row.started_at) - row.started_at) / 1000 / row.total
