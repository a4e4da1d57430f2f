"""GET, resend and withdrawal of deliveries for a clinic's system, which sees only its own clinic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from admin.http.access import Right
from admin.http.api_errors import ApiError
from admin.http.parameters import MAX_INTEGER, NO_NUL, Id, MaybeText
from admin.text.words import api_sentence
from engine.database.rows import DeliveryRow
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.outbox.pauses.pauses import Pause, open_pauses, pause_of
from engine.outbox.resend import ActionResult, resend
from engine.outbox.withdrawal.withdraw import WithdrawalResult, withdraw
from engine.queries import deliveries, paging
from engine.queries.column_search import ColumnFilter
from engine.queries.deliveries import AwaitedRecord, DetailedAttempt, Filters
from engine.queries.dependents import dependents_of
from engine.queries.paging import CURSOR, Cursor

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
MAX_COLUMNS = 8
PAUSABLE = (Status.QUEUED, Status.RETRYING, Status.UNSURE)  # statuses in which a pause keeps a delivery from being sent
COLUMN_HINT = "NAME:VALUE of a column that declares a filter: what its value is, or begins with if no value is that."
DELIVERY_FIELDS = (
    "id", "spec", "key", "date", "status", "reference", "version", "sent_version", "due_at",
    "http_status", "code", "problem", "created_at", "changed_at", "settled_at", "sent_at", "withdrawn_at",
)  # fmt: skip
ATTEMPT_FIELDS = (
    "at", "milliseconds", "operation", "trigger", "spec_hash", "version", "http_status", "code", "verdict", "message",
)  # fmt: skip


class ResendRequest(Struct, forbid_unknown_fields=True):
    """Options of a resend. They are a body, because proxies log addresses."""

    reason: Annotated[str, Meta(max_length=500, pattern=NO_NUL, description="Why; kept in the audit log.")] = ""
    force: Annotated[bool, Meta(description="Send it although it was sent; needs a reason.")] = False


class WithdrawalRequest(Struct, forbid_unknown_fields=True):
    """Options of a withdrawal."""

    reason: Annotated[
        str, Meta(min_length=1, max_length=500, pattern=NO_NUL, description="Why; kept in the audit log.")
    ]
    dependents: Annotated[bool, Meta(description="Withdraw what was sent and depends on it too.")] = False


@get("/api/v1/deliveries", operation_id="list_deliveries", opt={"right": Right.HIS})
async def list_deliveries(
    hub: NamedDependency[Hub],
    facility: NamedDependency[FacilityRow],
    spec: MaybeText = None,
    status: MaybeText = None,
    key: MaybeText = None,
    norm: MaybeText = None,
    date_from: Annotated[str | None, QueryParameter(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None,
    date_to: Annotated[str | None, QueryParameter(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None,
    since: Annotated[
        int | None, QueryParameter(ge=0, le=MAX_INTEGER, description="Settled since, epoch milliseconds.")
    ] = None,
    column: Annotated[
        list[str] | None,
        QueryParameter(description=COLUMN_HINT, max_items=MAX_COLUMNS),
    ] = None,
    cursor: Annotated[str | None, QueryParameter(pattern=CURSOR, description="`next` of the page before.")] = None,
    size: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE,
) -> dict[str, Any]:
    """A page of deliveries, the newest day first. Several types or statuses are separated by commas."""
    filters = Filters(
        specs=tuple(filter(None, (spec or "").split(","))),
        statuses=_statuses(status or ""),
        key=key,
        norm=norm,
        date_from=date_from,
        date_to=date_to,
        since=since,
        columns=_columns(hub, spec or "", column or []),
    )
    after = Cursor.read(cursor) if cursor else None
    page = await paging.page(hub.database, facility.id, filters, size, after=after)
    tries = await deliveries.attempts_of(hub.database, [row.id for row in page.rows])
    pauses = await open_pauses(hub.database, facility.id)
    return {
        "deliveries": [_delivery(hub, row, tries.get(row.id, 0), pauses) for row in page.rows],
        "next": str(page.after) if page.after else None,
    }


@get("/api/v1/deliveries/{id_:int}", operation_id="read_delivery", opt={"right": Right.HIS})
async def one_delivery(
    hub: NamedDependency[Hub],
    facility: NamedDependency[FacilityRow],
    id_: Id,
    bodies: FromQuery[bool] = False,
) -> dict[str, Any]:
    """Return the state of a delivery and its attempts; `bodies=true` adds the exact requests and answers."""
    detail = await deliveries.one(hub.database, facility.id, id_, bodies=bodies)
    if detail is None:
        raise ApiError(404, "not_found", f"no delivery {id_} in this facility")
    return {
        **_delivery(hub, detail.row, len(detail.attempts), await open_pauses(hub.database, facility.id)),
        "waits_for": [_pick(row, ("spec", "key", "id", "status", "alternative")) for row in detail.waits_for],
        "attempts": [_attempt(row, bodies) for row in detail.attempts],
    }


@post("/api/v1/deliveries/{id_:int}/resend", operation_id="resend_delivery", opt={"right": Right.HIS}, status_code=202)
async def resend_delivery(
    hub: NamedDependency[Hub],
    facility: NamedDependency[FacilityRow],
    id_: Id,
    data: JSONBody[ResendRequest | None] = None,
) -> dict[str, Any]:
    """Make a delivery due again; what may have arrived is looked for first. `force` for what was sent already."""
    reason, force = (data.reason, data.force) if data else ("", False)
    if force and not reason:
        raise ApiError(422, "reason_missing", "force needs a reason")
    actor = f"api:{facility.code}"
    outcome = (await resend(hub.database, facility.id, [id_], actor, reason=reason, force=force))[id_]
    match outcome:
        case ActionResult.MISSING:
            raise ApiError(404, "not_found", f"no delivery {id_} in this facility")
        case ActionResult.NEEDS_FORCE:
            raise ApiError(409, "already_sent", 'it was sent; resend it with {"force": true, "reason": "..."}')
    detail = await deliveries.one(hub.database, facility.id, id_)
    if detail is not None and outcome is ActionResult.DONE:
        hub.bell.ring(detail.row.spec, facility.id)
    return {"id": id_, "status": detail.row.status if detail else None, "outcome": outcome.value}


@post(
    "/api/v1/deliveries/{id_:int}/withdraw", operation_id="withdraw_delivery", opt={"right": Right.HIS}, status_code=202
)
async def withdraw_delivery(
    hub: NamedDependency[Hub], facility: NamedDependency[FacilityRow], id_: Id, data: JSONBody[WithdrawalRequest]
) -> dict[str, Any]:
    """Take back a record that was handed in by mistake; what was never sent is not sent."""
    detail = await deliveries.one(hub.database, facility.id, id_)
    if detail is None:
        raise ApiError(404, "not_found", f"no delivery {id_} in this facility")
    row, specs = detail.row, hub.catalog.specs
    found = await dependents_of(hub.database, specs, facility, (row.spec, row.key), row.patient_norm)
    along = [one.id for one in found.withdrawable(specs)] if data.dependents else []
    waiting = [one.id for one in found.unsent]
    actor = f"api:{facility.code}"
    results = await withdraw(
        hub.database, specs, facility.id, [id_], actor, reason=data.reason, dependents=along, waiting=waiting
    )
    if results[id_] is WithdrawalResult.IMPOSSIBLE:
        raise ApiError(409, "not_withdrawable", f"{row.spec} declares no withdrawal")
    hub.bell.ring(row.spec, facility.id)
    withdrawn = [one for one in along if results[one] is WithdrawalResult.DONE]
    return {"id": id_, "outcome": results[id_].value, "dependents": withdrawn}


def _statuses(text: str) -> tuple[str, ...]:
    statuses = tuple(filter(None, text.split(",")))
    for status in statuses:
        if status not in set(Status):
            raise ApiError(400, "unknown_status", f"no status {status!r}; known: {', '.join(Status)}", "status")
    return statuses


def _columns(hub: Hub, spec_name: str, written: list[str]) -> tuple[ColumnFilter, ...]:
    """Return the filters of columns, which are written as NAME:VALUE and are columns of one type."""
    if not written:
        return ()
    spec = hub.catalog.specs.get(spec_name)
    if spec is None:
        raise ApiError(400, "column_without_spec", "a column needs the one type that has it; add spec", "spec")
    names = [column.name for column in spec.columns if column.filter]
    filters = []
    for text in written:
        name, _, value = text.partition(":")
        if name not in names or not value.strip() or "\x00" in value:
            known = ", ".join(names) or "none"
            raise ApiError(400, "unknown_column", f"no filter {text[:80]!r} of {spec_name}; columns: {known}", "column")
        filters.append(ColumnFilter(name, value.strip()))
    return tuple(filters)


def _pick(row: DeliveryRow | DetailedAttempt | AwaitedRecord, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _delivery(hub: Hub, row: DeliveryRow, tries: int, pauses: Sequence[Pause]) -> dict[str, Any]:
    told = {"tries": tries, "problem": api_sentence(row.problem), "paused": _paused(hub, row, pauses)}
    return _pick(row, DELIVERY_FIELDS) | told


def _paused(hub: Hub, row: DeliveryRow, pauses: Sequence[Pause]) -> dict[str, Any] | None:
    """Return the pause that keeps a delivery from being sent; None without one."""
    spec, now = hub.catalog.specs.get(row.spec), hub.database.clock()
    if spec is None or row.status not in PAUSABLE:
        return None
    pause = pause_of(pauses, spec.upstream.name, row.spec, now)
    return pause and {"id": pause.id, "reason": api_sentence(pause.reason), "ends_at": pause.ends_at}


def _attempt(row: DetailedAttempt, bodies: bool) -> dict[str, Any]:
    fields = _pick(row, ATTEMPT_FIELDS) | {"message": api_sentence(row.message)}
    if bodies:
        fields |= {"method": row.method, "path": row.path}
        fields |= {"request": _text(row.request), "response": _text(row.response)}
    return fields


def _text(body: bytes | None) -> str:
    return (body or b"").decode("utf-8", "replace")
