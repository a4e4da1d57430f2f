"""Pauses of a clinic: what its system keeps from being sent for a while, and the end of that."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from admin.http.access import Right
from admin.http.api_errors import ApiError
from admin.http.parameters import MAX_INTEGER, NO_NUL, Id
from admin.text.words import api_sentence
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.outbox.pauses import pauses
from engine.outbox.pauses.pauses import AUTOMATIC, MAX_REASON_CHARACTERS, NewPause, Pause, PauseFault

Word = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]
Time = Annotated[int, Meta(ge=0, le=MAX_INTEGER, description="Epoch milliseconds.")]
FAULTS = {
    PauseFault.NO_REASON: (422, "a pause needs a reason", "reason"),
    PauseFault.PAST: (422, "the end of the pause has passed", "ends_at"),
    PauseFault.ORDER: (422, "the pause ends before it begins", "ends_at"),
    PauseFault.WEEK: (422, "a weekly pause needs an end within a week", "ends_at"),
    PauseFault.EXISTS: (409, "this is paused in that time already", None),
}


class PauseRequest(Struct, forbid_unknown_fields=True):
    """Pause to begin or plan: of a type (`spec`), of the types of a path (`path`), or of the whole upstream."""

    upstream: Annotated[Word, Meta(description="The upstream, e.g. as /health/upstreams names it.")]
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARACTERS, pattern=NO_NUL, description="People read it.")]
    spec: Annotated[Word | None, Meta(description="A type of the upstream.")] = None
    path: Annotated[Word | None, Meta(description="Method and path as the entry writes them, e.g. POST /visits.")] = (
        None
    )
    begins_at: Time | None = None
    ends_at: Time | None = None
    weekly: Annotated[bool, Meta(description="It comes back every week, until the planned one is cancelled.")] = False


@get("/api/v1/pauses", operation_id="list_pauses", opt={"right": Right.HIS})
async def list_pauses(hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow]) -> dict[str, Any]:
    """Return what is paused or planned, by its beginning; `current` says that it is in force."""
    now = hub.database.clock()
    return {"pauses": [_fields(pause, now) for pause in await pauses.open_pauses(hub.database, facility.id)]}


@post("/api/v1/pauses", operation_id="begin_pause", opt={"right": Right.HIS}, status_code=201)
async def begin_pause(
    hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], data: JSONBody[PauseRequest]
) -> dict[str, Any]:
    """Pause or plan a pause; what is paused is not sent and not lost. A path is a pause of each of its types."""
    specs = _types(hub, data)
    times = data.begins_at, data.ends_at, data.weekly
    new = NewPause(facility.id, data.upstream, data.reason, specs, data.path, *times)
    begun = await pauses.begin(hub.database, new, f"api:{facility.code}")
    if isinstance(begun, PauseFault):
        status, words, place = FAULTS[begun]
        raise ApiError(status, begun.value, words, place)
    now = hub.database.clock()
    open_ = await pauses.open_pauses(hub.database, facility.id)
    return {"pauses": [_fields(pause, now) for pause in open_ if pause.id in begun]}


@delete("/api/v1/pauses/{id_:int}", operation_id="end_pause", opt={"right": Right.HIS}, status_code=200)
async def end_pause(hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], id_: Id) -> dict[str, Any]:
    """End a pause, or cancel a planned one: what waited is due at once, in its order."""
    if not await pauses.end(hub.database, id_, f"api:{facility.code}", facility.id):
        raise ApiError(404, "not_found", f"no pause {id_} of this facility is in force or planned")
    return {"id": id_, "ended": True}


def _types(hub: Hub, data: PauseRequest) -> tuple[str, ...]:
    """Return the types that are meant, none for the whole upstream; raise ApiError for what does not exist."""
    if data.upstream not in hub.catalog.upstreams:
        raise ApiError(404, "not_found", f"no upstream {data.upstream[:80]!r}", "upstream")
    if data.path is not None:
        types = hub.catalog.types_by_path(data.upstream).get(data.path, [])
        if not types or data.spec not in (None, *types):
            raise ApiError(404, "not_found", f"no type of the upstream sends to {data.path[:80]!r}", "path")
        return (data.spec,) if data.spec else tuple(types)
    if data.spec is None:
        return ()
    spec = hub.catalog.specs.get(data.spec)
    if spec is None or spec.upstream.name != data.upstream:
        raise ApiError(404, "not_found", f"no type {data.spec[:80]!r} of the upstream", "spec")
    return (data.spec,)


def _fields(pause: Pause, now: int) -> dict[str, Any]:
    return {
        "id": pause.id,
        "upstream": pause.upstream,
        "spec": pause.spec,
        "path": pause.path,
        "reason": api_sentence(pause.reason),
        "by": "antar" if pause.actor == AUTOMATIC else pause.actor,
        "all_facilities": pause.facility_id is None,
        "current": pause.is_current(now),
        "begins_at": pause.begins_at,
        "ends_at": pause.ends_at,
        "weekly": pause.weekly,
    }
