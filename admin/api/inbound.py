"""Requests of inbound callers for the clinic's system to fetch, and the queue numbers that it calls."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from admin.http.access import Right
from admin.http.api_errors import ApiError
from admin.http.parameters import MAX_INTEGER, Id
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.inbound import queue_numbers, requests

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


class CalledNumber(Struct, forbid_unknown_fields=True):
    """A number that was called."""

    poli: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,10}$", description="Code of the poli.")]
    date: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="YYYY-MM-DD.")]
    number: Annotated[int, Meta(ge=1, le=2**31 - 1, description="`angkaantrean` of the answer.")]


@get("/api/v1/inbound", operation_id="list_inbound", opt={"right": Right.HIS})
async def list_inbound(
    hub: NamedDependency[Hub],
    facility: NamedDependency[FacilityRow],
    after: Annotated[int, QueryParameter(ge=0, le=MAX_INTEGER, description="`next` of the page before.")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE,
) -> dict[str, Any]:
    """Return the requests after a position, the oldest first, with their answers."""
    rows = await requests.after(hub.database, facility.id, after, limit)
    return {"requests": rows, "next": rows[-1]["id"] if rows else after}


@post("/api/v1/inbound/{id_:int}/taken", operation_id="take_inbound", opt={"right": Right.HIS}, status_code=200)
async def take_inbound(id_: Id, hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow]) -> dict[str, Any]:
    """Say that the clinic's system has it; saying it again changes nothing."""
    if not await requests.mark_taken(hub.database, facility.id, id_):
        raise ApiError(404, "not_found", f"no request {id_} of this clinic")
    return {"id": id_, "taken": True}


@post("/api/v1/inbound/called", operation_id="call_inbound", opt={"right": Right.HIS}, status_code=200)
async def call_inbound(
    data: JSONBody[CalledNumber], hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow]
) -> dict[str, Any]:
    """Say that a number was called, so that those who wait see it on their phones."""
    if not await queue_numbers.call(hub.database, facility.id, data.poli, data.date, data.number):
        raise ApiError(404, "not_found", "no such number stands in this queue")
    return {"number": data.number, "called": True}
