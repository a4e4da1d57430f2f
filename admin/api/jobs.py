"""Bulk actions of a clinic's system: a set of deliveries is fixed first, then begun, paused, resumed or cancelled.

They are the jobs of the panel: the same page shows them, and the same worker carries them out in batches.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from sqlalchemy import Select, select

from admin.http.access import Right
from admin.http.api_errors import ApiError
from admin.http.parameters import MAX_INTEGER, NO_NUL, Id
from engine.database.tables import Delivery
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.jobs import jobs, queries
from engine.jobs.jobs import MOVES, Action
from engine.queries.deliveries import Filters

MAX_IDS = 500
MAX_DELIVERIES = 10_000  # of a job; the panel has no limit, because a person sees the number before the job begins
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Word = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]
FIELDS = ("id", "upstream", "action", "state", "reason", "total", "done", "skipped", "created_at", "ended_at")


class JobRequest(Struct, forbid_unknown_fields=True):
    """Choice of deliveries of one type (`ids`, or all that the other fields select) and what is done with them."""

    action: Annotated[Literal["resend", "ignore"], Meta(description="As the buttons of the panel's lists.")]
    spec: Annotated[Word, Meta(description="The type of the deliveries.")]
    ids: (
        Annotated[
            list[Annotated[int, Meta(ge=1, le=MAX_INTEGER)]],
            Meta(min_length=1, max_length=MAX_IDS, description="Deliveries of the type, instead of a filter."),
        ]
        | None
    ) = None
    status: Annotated[list[Status] | None, Meta(description="By default all in which the action is possible.")] = None
    cause: Annotated[Word | None, Meta(description="`cause` of a part of /api/v1/failures.")] = None
    date_from: Day | None = None
    date_to: Day | None = None
    limit: Annotated[
        int, Meta(ge=1, le=MAX_DELIVERIES, description="If more are selected, nothing is done and the answer is 422.")
    ] = MAX_DELIVERIES


class JobMove(Struct, forbid_unknown_fields=True):
    """Reason for beginning a job."""

    reason: Annotated[str, Meta(max_length=500, pattern=NO_NUL, description="Kept in the audit log.")] = ""


@post("/api/v1/jobs", operation_id="draft_job", opt={"right": Right.HIS}, status_code=201)
async def draft_job(
    hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], data: JSONBody[JobRequest]
) -> dict[str, Any]:
    """Fix the set of a job and return it as a draft, which does nothing until it is begun; a day later it is gone."""
    spec = hub.catalog.specs.get(data.spec)
    if spec is None:
        raise ApiError(404, "not_found", f"no type {data.spec[:80]!r}")
    which, chosen = _selected(data)
    upstream, order = spec.upstream.name, jobs.in_order(hub.catalog.specs.values())
    action, actor = Action(data.action), _actor(facility)
    id_ = await jobs.draft(
        hub.database, facility.id, upstream, action, which, chosen=chosen, actor=actor, order=order, limit=data.limit
    )
    job = await _job(hub, facility, id_)
    if job["total"] > data.limit:
        await jobs.discard(hub.database, facility.id, id_)
        raise ApiError(422, "too_many", f"more than {data.limit} deliveries are selected", "limit")
    return job


def _selected(data: JobRequest) -> tuple[Filters | Select[int], dict[str, Any]]:
    """Return the deliveries, and the choice as the panel shows it; raise ApiError for ids beside a filter."""
    filters = {"cause": data.cause, "date_from": data.date_from, "date_to": data.date_to}
    given: dict[str, Any] = {name: value for name, value in filters.items() if value is not None}
    statuses = [status.value for status in data.status or ()]
    if data.ids is None:
        chosen = {"spec": data.spec, **given} | ({"status": statuses} if statuses else {})
        return Filters(specs=(data.spec,), statuses=statuses, **given), chosen
    if given or statuses:
        raise ApiError(400, "bad_request", "ids are a selection of their own; leave the filter out", "ids")
    named: Select[int] = select(Delivery.id).where(Delivery.id.in_(data.ids), Delivery.spec == data.spec)
    return named, {"spec": data.spec, "ids": len(data.ids)}


@get("/api/v1/jobs/{id_:int}", operation_id="read_job", opt={"right": Right.HIS})
async def read_job(hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], id_: Id) -> dict[str, Any]:
    """Return a job: its state, and how many of its deliveries have been taken and skipped."""
    return await _job(hub, facility, id_)


@post("/api/v1/jobs/{id_:int}/{how:str}", operation_id="move_job", opt={"right": Right.HIS}, status_code=200)
async def move_job(
    hub: NamedDependency[Hub],
    facility: NamedDependency[FacilityRow],
    id_: Id,
    how: FromPath[Literal["begin", "pause", "resume", "cancel", "discard"]],
    data: JSONBody[JobMove | None] = None,
) -> dict[str, Any]:
    """Begin or discard a draft, or pause, resume or cancel a job; 409 if its state does not allow it."""
    job, reason = await _job(hub, facility, id_), data.reason.strip() if data else ""
    if how == "begin" and not reason:
        raise ApiError(422, "reason_missing", "a job needs a reason")
    if how == "begin":
        moved = await jobs.begin(hub.database, facility.id, id_, reason=reason, actor=_actor(facility))
    elif how in MOVES:
        moved = await jobs.move(hub.database, facility.id, id_, how, _actor(facility))
    else:
        moved = await jobs.discard(hub.database, facility.id, id_)
    if not moved:
        raise ApiError(409, "wrong_state", f"a job that is {job['state']} cannot {how}")
    return job | {"state": "discarded"} if how == "discard" else await _job(hub, facility, id_)


async def _job(hub: Hub, facility: FacilityRow, id_: int) -> dict[str, Any]:
    """Return the fields of a job; raise ApiError if the facility has no such job."""
    row = await queries.one(hub.database, facility.id, id_)
    if row is None:
        raise ApiError(404, "not_found", f"no job {id_} in this facility")
    return {name: getattr(row, name) for name in FIELDS}


def _actor(facility: FacilityRow) -> str:
    return f"api:{facility.code}"
