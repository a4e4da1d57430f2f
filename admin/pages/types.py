"""The page of a record type: its deliveries with the columns that the entry declares, and one delivery in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
import structlog
from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from admin.access import Right
from admin.accounts import Person
from admin.inputs import Id, Number, Text
from admin.pages.frame import Frame, frame
from admin.words import say
from engine import deliveries
from engine.context import context
from engine.deliveries import Filters
from engine.facilities import FacilityRow
from engine.hub import Hub
from engine.models import Status
from engine.outbox.resend import Handled, resend
from engine.spec import Spec
from engine.template import TemplateError

SIZES = (25, 50, 100)
ZONES = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
RESENDABLE = {Status.FAILED, Status.UNSURE, Status.RETRYING, Status.IGNORED, Status.SENT}
_IDENTIFIER = re.compile(r"(?<!\w)\d{6,12}(?=\d{4}(?!\w))")
"""All but the last four digits of what may be a NIK, a card or a phone number (10 digits and more)."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it is shown: in the facility's zone, and in UTC for whoever hovers."""

    short: str
    local: str
    utc: str


@get("/integrasi/{upstream:str}/{spec:str}", opt={"right": Right.PANEL}, include_in_schema=False)
async def type_page(
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    spec: FromPath[str],
    status: Text = "",
    date: Text = "",
    key: Text = "",
    norm: Text = "",
    after: Number = None,
    size: FromQuery[int] = SIZES[0],
) -> Template:
    """A page of deliveries, newest first; everything that is chosen stands in the address."""
    around, entry = await frame(hub, upstream), _entry(hub, upstream, spec)
    chosen = {"status": status if status in set(Status) else "", "date": date, "key": key.strip(), "norm": norm.strip()}
    size = size if size in SIZES else SIZES[0]
    page = await _page(hub, around, entry, chosen, after, size)
    shown = {name: value for name, value in {**chosen, "size": size}.items() if value}
    return Template(
        "type.html",
        context={
            "frame": around,
            "spec": entry,
            "chosen": chosen,
            "filtered": any(chosen.values()),
            "zone": zone_name(around.facility) if around.facility else "",
            "statuses": list(Status),
            "rows": [_row(entry, around, row) for row in page.rows],
            "first": after is None,
            "first_link": f"?{urlencode(shown)}",
            "next_link": f"?{urlencode({**shown, 'after': page.next})}" if page.next else None,
        },
    )


@get("/integrasi/{upstream:str}/{spec:str}/{id_:int}", opt={"right": Right.PANEL}, include_in_schema=False)
async def delivery_page(
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    told: FromQuery[str] = "",
) -> Template:
    """One delivery: where it stands and why, each try with its exact bodies, the record as it came."""
    around, entry = await frame(hub, upstream), _entry(hub, upstream, spec)
    detail = await deliveries.one(hub.database, around.facility.id, id_) if around.facility else None
    if detail is None or detail.row.spec != entry.name or around.facility is None:
        raise NotFoundException(say("error.not_found"))
    zone = around.facility
    return Template(
        "delivery.html",
        context={
            "frame": around,
            "spec": entry,
            "row": _row(entry, around, detail.row),
            "delivery": detail.row,
            "record": pretty(detail.row.record.encode()),
            "attempts": [_attempt(row, zone) for row in detail.attempts],
            "waits_for": [_link(hub, row) for row in detail.waits_for],
            "waited_for_by": [_link(hub, row) for row in detail.waited_for_by],
            "resendable": detail.row.status in RESENDABLE,
            "needs_force": detail.row.status == Status.SENT,
            "times": {
                name: moment(getattr(detail.row, f"{name}_at"), zone)
                for name in ("created", "changed", "sent", "settled", "due")
            },
            "told": say(f"told.{told}") if told in set(Handled) else "",
        },
    )


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/resend", opt={"right": Right.PANEL}, include_in_schema=False)
async def resend_delivery(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Make it due again; what was sent needs the word force and a reason."""
    around, entry = await frame(hub, upstream), _entry(hub, upstream, spec)
    if around.facility is None:
        raise NotFoundException(say("error.not_found"))
    reason = data.get("reason", "").replace("\x00", "").strip()[:500]
    force = data.get("force") == "yes" and bool(reason)
    told = (await resend(hub.database, around.facility.id, [id_], person.name, reason=reason, force=force))[id_]
    if told is Handled.DONE:
        hub.bell.ring(entry.name, around.facility.id)
    return Redirect(f"/integrasi/{upstream}/{spec}/{id_}?told={told}", status_code=303)


def _entry(hub: Hub, upstream: str, spec: str) -> Spec:
    entry = hub.catalog.specs.get(spec)
    if entry is None or entry.upstream.name != upstream:
        raise NotFoundException(say("error.not_found"))
    return entry


async def _page(
    hub: Hub, around: Frame, spec: Spec, chosen: Mapping[str, str], after: int | None, size: int
) -> deliveries.Page:
    if around.facility is None:
        return deliveries.Page([], None)
    filters = Filters(
        specs=(spec.name,),
        statuses=(chosen["status"],) if chosen["status"] else (),
        key=chosen["key"] or None,
        norm=chosen["norm"] or None,
        date_from=chosen["date"] or None,
        date_to=chosen["date"] or None,
    )
    return await deliveries.page(hub.database, around.facility.id, filters, after, size)


def _row(spec: Spec, around: Frame, row: Any) -> dict[str, Any]:
    """A delivery as the list shows it."""
    facility: Any = around.facility
    return {
        "id": row.id,
        "key": row.key,
        "norm": row.patient_norm,
        "name": row.patient_name,
        "date": row.date,
        "status": row.status,
        "label": around.label(row.status),
        "icon": around.icon(row.status),
        "code": row.http_status,
        "problem": row.problem,
        "tries": row.tries,
        "time": moment(row.settled_at or row.changed_at, facility),
        "cells": _cells(spec, facility, row),
    }


def _cells(spec: Spec, facility: FacilityRow, row: Any) -> list[str]:
    """The declared columns; a record that an older entry took may lack what a newer one shows."""
    scope = context(spec, orjson.loads(row.record), facility, reference=row.reference)
    cells = []
    for column in spec.columns:
        try:
            value = column.value.render(scope)
        except TemplateError:
            value = None
        cells.append("–" if value in (None, "") else masked(str(value)))
    return cells


def _attempt(row: Any, facility: FacilityRow) -> dict[str, Any]:
    return {
        "operation": say(f"operation.{row.operation}"),
        "verdict": say(f"verdict.{row.verdict}"),
        "good": row.verdict == "accepted",
        "time": moment(row.at, facility),
        "milliseconds": row.milliseconds,
        "http_status": row.http_status,
        "code": row.code,
        "message": masked(row.message),
        "trigger": row.trigger,
        "spec_hash": row.spec_hash,
        "line": masked(f"{row.method} {row.path}") if row.method else "",
        "request": pretty(row.request),
        "response": pretty(row.response),
    }


def _link(hub: Hub, row: Any) -> dict[str, Any]:
    """A delivery that this one waits for, or that waits for this one; it may not have been handed in yet."""
    spec = hub.catalog.specs.get(row.spec)
    return {
        "label": spec.label if spec else row.spec,
        "key": row.key,
        "status": say(f"status.{row.status}") if row.status else say("delivery.not_here"),
        "address": f"/integrasi/{spec.upstream.name}/{row.spec}/{row.id}" if spec and row.id else None,
    }


def pretty(body: bytes | None) -> str:
    """JSON indented, anything else as it is; identifiers masked but for their last four digits."""
    if not body:
        return ""
    try:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace")
    return masked(text)


def masked(text: str) -> str:
    return _IDENTIFIER.sub(lambda found: "•" * len(found[0]), text)


def moment(milliseconds: int | None, facility: FacilityRow) -> Moment | None:
    """A time in the facility's zone, e.g. 10/03/2026 08.00 WIB."""
    if milliseconds is None:
        return None
    utc = datetime.fromtimestamp(milliseconds / 1000, UTC)
    local = utc.astimezone(ZoneInfo(facility.time_zone))
    zone = zone_name(facility)
    return Moment(f"{local:%d/%m/%Y %H.%M}", f"{local:%d/%m/%Y %H.%M.%S} {zone}", f"{utc:%Y-%m-%d %H:%M:%S} UTC")


def zone_name(facility: FacilityRow) -> str:
    """WIB, WITA or WIT; any other zone by its full name."""
    return ZONES.get(facility.time_zone, facility.time_zone)
