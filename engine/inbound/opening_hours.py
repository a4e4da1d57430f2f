"""Opening hours of a poli (a clinic's department), from the code lists that an inbound service names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from engine.specs.inbound import Inbound

# End time in hours such as 08:00-12:00; hours in another form last all day.
ENDS = re.compile(r"-\s*([01]\d|2[0-4])[:.]([0-5]\d)\s*$")


@dataclass(frozen=True, slots=True)
class Shift:
    """A doctor's hours on a day; `places` is None if the list has no number."""

    poli: str
    doctor: str
    name: str
    hours: str
    places: int | None

    def is_over(self, clock: str) -> bool:
        """Return whether the shift has ended at `clock`, HH:MM of the same day."""
        ends = ENDS.search(self.hours)
        return ends is not None and f"{ends[1]}:{ends[2]}" <= clock


async def shifts(tx: Transaction, facility_id: int, inbound: Inbound, date: str, poli: str) -> list[Shift]:
    """Return the shifts of a day and poli, by key; `date` and `poli` must not contain wildcards of LIKE."""
    rows = await _rows(tx, facility_id, inbound.shifts, f"{date}/{poli}/%")
    return [
        Shift(str(row["poli"]), str(row["code"]), str(row["name"]), str(row["hours"]), _places(row["places"]))
        for row in rows
    ]


async def poli_name(tx: Transaction, facility_id: int, inbound: Inbound, poli: str) -> str | None:
    """Return the name of a poli; None if there is no such poli."""
    for row in await _rows(tx, facility_id, inbound.polis, "%"):
        if str(row["code"]) == poli:
            return str(row["name"])
    return None


async def poli_names(database: Database, facility_id: int, inbound: Inbound) -> dict[str, str]:
    """Return code -> name of the polis that the service's list has."""
    rows = await database.fetch(_CONTENTS, {"facility": facility_id, "list": inbound.polis, "keys": "%"})
    return {str(row["code"]): str(row.get("name") or row["code"]) for row in map(orjson.loads, rows)}


def local_time(facility: FacilityRow, now: int) -> tuple[str, str]:
    """Return (date, HH:MM) at the clinic; `now` is in epoch milliseconds."""
    there = facility.local(now)
    return there.date().isoformat(), there.strftime("%H:%M")


async def _rows(tx: Transaction, facility_id: int, list_: str, keys: str) -> list[Mapping[str, Any]]:
    contents = await tx.rows(_CONTENTS, {"facility": facility_id, "list": list_, "keys": keys})
    return [dict.fromkeys(("poli", "name", "hours", "places"), "") | orjson.loads(content) for content in contents]


_CONTENTS = Statement(
    """
SELECT content FROM code_rows
WHERE facility_id = :facility AND list = :list AND gone_at IS NULL AND key LIKE :keys ORDER BY key
""",
    str,
)


def _places(value: Any) -> int | None:
    digits = str(value).strip()
    return int(digits) if digits.isascii() and digits.isdigit() else None
