"""POST /api/v1/expected: a clinic's system says how many records of a day it has, and learns how many came."""

from __future__ import annotations

from datetime import date as Date
from typing import Annotated, Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from admin.http.access import Right
from admin.http.api_errors import ApiError
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.outbox import counters
from engine.visits import expected_counts

MAX_EXPECTED = 10**9


class ExpectedDay(Struct, forbid_unknown_fields=True):
    """The numbers of a day by type."""

    date: Annotated[Date, Meta(description="YYYY-MM-DD, in the clinic's time zone.")]
    counts: Annotated[
        dict[str, Annotated[int, Meta(ge=0, le=MAX_EXPECTED)]],
        Meta(min_length=1, description="Type -> number of records that the clinic's system has of that day."),
    ]


@post("/api/v1/expected", operation_id="expect_records", opt={"right": Right.HIS}, status_code=200)
async def expect_records(
    data: JSONBody[ExpectedDay], hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow]
) -> dict[str, Any]:
    """Store the expected numbers of a day; handed in again, the numbers of these types are replaced."""
    for name in data.counts:
        if name not in hub.catalog.specs:
            raise ApiError(404, "not_found", f"no type {name!r}; GET /schema lists them")
    day = data.date.isoformat()
    await expected_counts.store(hub.database, facility.id, day, data.counts)
    came = await counters.read(hub.database, facility.id, day, day)
    received = {name: sum(came.get(name, {}).values()) for name in data.counts}
    counts = {name: {"expected": n, "received": received[name]} for name, n in data.counts.items()}
    return {"date": day, "counts": counts}
