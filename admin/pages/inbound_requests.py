"""Log of inbound requests: time, request, answer, and whether the clinic's system has fetched it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import MAX_INTEGER, Number, Text
from admin.pages.shared import formatting
from admin.pages.shared.date_field import read_day
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.text.words import say, sentence
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.identifiers import masked
from engine.inbound import requests
from engine.inbound.opening_hours import poli_names
from engine.inbound.requests import DONE, REFUSED, STRANGER, RequestFilter, RequestRow
from engine.specs.inbound import Inbound

PAGE_SIZE = 50
OPERATIONS = ("take", "cancel", "patient")
CODES = (DONE, REFUSED, STRANGER)


@get("/masuk/{inbound:str}", opt={"right": Right.PANEL})
async def inbound_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    inbound: FromPath[str],
    operation: Text = "",
    code: Text = "",
    day: Text = "",
    untaken: Text = "",
    before: Text = "",
    buka: Number = None,
) -> Template:
    """Show the requests, newest first; filtered by operation, answer, day, and whether they were not fetched yet."""
    declared = inbound_of(hub, inbound)
    layout = await inbound_layout(request, hub, declared)
    chosen = {"operation": operation, "code": code, "day": _day(day), "untaken": untaken}
    newest: list[RequestRow] = []
    polis: Mapping[str, str] = {}
    if layout.facility is not None:
        conditions = _filter(layout.facility, operation, code, chosen["day"], untaken)
        last = int(before) if before.isdecimal() and int(before) <= MAX_INTEGER else None
        newest = await requests.newest(hub.database, layout.facility.id, conditions, last, PAGE_SIZE + 1)
        polis = await poli_names(hub.database, layout.facility.id, declared)
    rows = [request_view(layout.facility, row, polis) for row in newest[:PAGE_SIZE] if layout.facility]
    more = newest[PAGE_SIZE - 1].id if len(newest) > PAGE_SIZE else None
    context = {
        "frame": layout,
        "inbound": declared,
        "opened": buka,
        "query": urlencode({name: value for name, value in chosen.items() if value}),
        "rows": rows,
        "chosen": chosen,
        "day": formatting.day(chosen["day"]),
        "without_day": f"?{urlencode({**chosen, 'day': ''})}",
        "filtered": any(chosen.values()),
        "operations": OPERATIONS,
        "codes": CODES,
        "first_link": f"?{urlencode(chosen)}" if before else None,
        "next_link": f"?{urlencode({**chosen, 'before': more})}" if more else None,
    }
    return Template("inbound/requests.html", context=context)


async def inbound_layout(request: Request[Any, Any, Any], hub: Hub, inbound: Inbound) -> Layout:
    """Return the layout of the upstream whose patients ask."""
    return await layout_for(request, hub.catalog.code_lists[inbound.polis].upstream.name)


def inbound_of(hub: Hub, name: str) -> Inbound:
    """Return the declaration; raise 404 if there is none of that name."""
    inbound = hub.catalog.inbound.get(name)
    if inbound is None:
        raise NotFoundException(say("error.not_found"))
    return inbound


def _day(text: str) -> str:
    """Return the day that was asked for as YYYY-MM-DD; an invalid one counts as no condition."""
    try:
        return read_day(text)
    except ValueError:
        return ""


def _filter(facility: FacilityRow, operation: str, code: str, day: str, untaken: str) -> RequestFilter:
    """Return the filter; an invalid value counts as no condition."""
    since = until = None
    try:
        first = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(facility.time_zone))
        since, until = (int(time.timestamp() * 1000) for time in (first, first + timedelta(days=1)))
    except (ValueError, OverflowError):
        pass
    answer_code = int(code) if code.isdecimal() and int(code) in CODES else None
    return RequestFilter(operation if operation in OPERATIONS else "", answer_code, since, until, bool(untaken))


def _where(content: Mapping[str, Any], polis: Mapping[str, str]) -> str:
    """Return poli and day of a request, the poli by its name where the list has it."""
    poli, date_ = (str(content.get(field, "")) for field in ("kodepoli", "tanggalperiksa"))
    return " · ".join(text for text in (polis.get(poli, poli), formatting.value_text(date_)) if text not in ("", "–"))


def request_view(facility: FacilityRow, row: RequestRow, polis: Mapping[str, str]) -> dict[str, Any]:
    """Return a request as the list shows it."""
    content, answer = orjson.loads(row.content), orjson.loads(row.answer)
    response = answer.get("response") or {}
    return {
        "id": row.id,
        "operation": row.operation,
        "tries": row.tries,
        "code": row.code,
        "problem": sentence(row.problem),
        "at": moment(row.at, facility),
        "card": masked(row.card),
        "where": _where(content, polis),
        "pruned": moment(row.pruned_at, facility),
        "number": response.get("nomorantrean") if isinstance(response, dict) else None,
        "message": answer.get("metadata", {}).get("message", ""),
        "taken": moment(row.taken_at, facility),
        "next": moment(row.due_at, facility) if row.tries else None,
    }
