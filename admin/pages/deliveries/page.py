"""One delivery in full, in tabs: where it stands and why, each try, the record as it came, who did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Id
from admin.pages.deliveries import attempts
from admin.pages.deliveries.failure_groups import any_of
from admin.pages.deliveries.opened import AWAITED, RESENT, TELL_OUTCOME, WORDS_AFTER, OpenDelivery, open_delivery
from admin.pages.deliveries.outcome import outcome_of
from admin.pages.deliveries.timeline import acted, story
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import moment
from admin.pages.shared.json_view import folded
from admin.pages.shared.waiting_items import WaitingItem, codes_used_by, explain_missing_code, items_awaited_by
from admin.people.permissions import Permission
from admin.text.words import say
from engine.delivery.status import Status
from engine.errors import AntarError
from engine.hub import Hub
from engine.intake import code_warnings
from engine.mapping import queries
from engine.sending.preview import payload_of
from engine.specs.record_type import Spec
from engine.specs.remedies import Explanation

PAGE = "kiriman"
"""Id of the element that holds a delivery on a page of its own; a script that fills it gets no drawer."""
FACTS = ("created", "changed", "sent", "settled")


@get("/integrasi/{upstream:str}/{spec:str}/{id_:int}", opt={"right": Right.PANEL}, include_in_schema=False)
async def delivery_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    tab: FromQuery[str] = "",
    told: FromQuery[str] = "",
) -> Template:
    """The delivery as a page, or what a drawer shows of it when a script asks."""
    found = await open_delivery(request, hub, upstream, spec, id_)
    return await page(request, found, tab, told)


async def page(request: Request[Any, Any, Any], found: OpenDelivery, tab: str, told: str = "") -> Template:
    """The tab with what stands around it; `told` is what came of the person's wish just now."""
    outcome = await outcome_of(found, resent=told in RESENT)
    awaited = told if told in TELL_OUTCOME else AWAITED if outcome.moving else ""
    context = await found.context(tab, awaited)
    inside = await _inside(request, found, context["tab"])
    part = "hx-request" in request.headers
    context |= {
        "told": say(f"told.{told}") if told in WORDS_AFTER else "",
        "outcome": outcome,
        "tell_outcome": bool(awaited),
        "drawer": part and request.headers.get("hx-target") != PAGE,
    }
    return Template("deliveries/drawer.html" if part else "deliveries/page.html", context={**context, **inside})


async def _inside(request: Request[Any, Any, Any], found: OpenDelivery, tab: str) -> dict[str, Any]:
    if tab == "ringkasan":
        return await _summary(found)
    if tab == "audit":
        return {"audit": [_entry(found, row) for row in reversed(found.detail.audit)]}
    if tab == "percobaan":
        return await attempts.all_of(found, request)
    if not found.layout.may(Permission.BODIES):
        return {}
    if tab == "asal":
        return {"record": folded(found.row.record.encode(), found.hide)}
    return {**await attempts.newest(found), **await _planned(found)}


async def _summary(found: OpenDelivery) -> dict[str, Any]:
    row, detail, hub = found.row, found.detail, found.hub
    record = orjson.loads(row.record)
    held = (await items_awaited_by(hub, [row.id])).get(row.id, [])
    again = moment(row.due_at, found.facility) if row.status in (Status.RETRYING, Status.UNSURE) else None
    return {
        "warnings": await code_warnings.of_record(hub.database, hub.catalog, found.entry, record, found.facility),
        **story(found),
        "tries_made": len(detail.attempts),
        "cause": _cause(found, held),
        "held": held,
        "unsuitable": _unsuitable(found, held),
        "used": await codes_used_by(hub, row.id),
        "times": {name: moment(getattr(row, f"{name}_at"), found.facility) for name in FACTS} | {"due": again},
        "waits_for": _waits_for(
            hub, found.entry, [each for each in detail.waits_for if each.spec not in hub.catalog.items]
        ),
        "waited_for_by": [_link(hub, each) for each in detail.waited_for_by],
    }


def _cause(found: OpenDelivery, held: Sequence[WaitingItem]) -> Explanation | None:
    """What is wrong and what to do; an item without a code is told before all else that is waited for."""
    if held and found.row.status == Status.BLOCKED:
        return explain_missing_code(held[0].mapping, held[0].state)
    return explain(found.row.cause, found.layout.upstream) if found.row.cause else None


def _unsuitable(found: OpenDelivery, held: Sequence[WaitingItem]) -> list[str]:
    """Why a code that was given will not do here, in the entry's words."""
    types = {each.mapping.item for each in held if each.state == queries.MAPPED}
    needs = (need for need in found.entry.needs if types.intersection(need.specs) and need.accept)
    return list(dict.fromkeys(need.accept.reason for need in needs if need.accept))


async def _planned(found: OpenDelivery) -> dict[str, Any]:
    """What will be sent: what a person wrote, or, where nothing was ever sent, the payload of now."""
    row = found.row
    if row.body is not None and row.status != Status.SENT:
        return {"written": folded(row.body.encode(), found.hide)}
    if any(each.method for each in found.detail.attempts):
        return {}
    try:
        payload = await payload_of(found.hub.database, found.hub.catalog.items, found.entry, row, found.facility)
    except AntarError as error:
        return {"not_planned": found.hide(str(error))}
    return {"planned": folded(orjson.dumps(payload), found.hide)} if payload is not None else {}


def _entry(found: OpenDelivery, row: Any) -> dict[str, Any]:
    return {"time": moment(row.at, found.facility), "what": acted(row), "reason": found.hide(row.reason)}


def _waits_for(hub: Hub, entry: Spec, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """A line for each record. Where it may be of several types: those that were handed in, or all of them in one."""
    lines = [_link(hub, row) for row in rows if not row.alternative or row.id]
    here = {row.key for row in rows if row.alternative and row.id}
    absent: dict[str, list[str]] = {}
    for row in rows:
        if row.alternative and row.key not in here:
            absent.setdefault(row.key, []).append(row.spec)
    declared = dict.fromkeys(spec for need in entry.needs for spec in need.specs)
    for key, specs in absent.items():
        label = any_of(hub, [spec for spec in declared if spec in specs] or specs)
        lines.append({"label": label, "key": key, "status": say("delivery.not_here"), "address": None})
    return lines


def _link(hub: Hub, row: Any) -> dict[str, Any]:
    """A delivery that this one waits for, or that waits for this one; it may not have been handed in yet."""
    spec = hub.catalog.specs.get(row.spec)
    return {
        "label": spec.label if spec else row.spec,
        "key": row.key,
        "status": say(f"status.{row.status}") if row.status else say("delivery.not_here"),
        "address": f"/integrasi/{spec.upstream.name}/{row.spec}/{row.id}" if spec and row.id else None,
    }
