"""One delivery in full, in tabs: its state and cause, its attempts, the submitted record, and the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Template

from admin.http.access import Right
from admin.pages.deliveries import attempts
from admin.pages.deliveries.opened import (
    AWAITED,
    OPENED,
    RESENT_RESULTS,
    RESULTS_WITH_MESSAGE,
    RESULTS_WITH_OUTCOME,
    OpenDelivery,
    Opened,
)
from admin.pages.deliveries.outcome import outcome_of
from admin.pages.deliveries.timeline import describe_action, rule_in_words, timeline
from admin.pages.shared.explanations import Explanation, any_of, explain
from admin.pages.shared.formatting import day, moment
from admin.pages.shared.json_view import folded
from admin.pages.shared.waiting_items import WaitingItem, codes_used_by, explain_missing_code, items_awaited_by
from admin.people.permissions import Permission
from admin.text.words import localized, say, sentence
from engine.database.rows import AuditRow
from engine.delivery.status import Status
from engine.errors import AntarError
from engine.hub import Hub
from engine.intake import record_warnings
from engine.mapping import queries
from engine.queries.deliveries import AwaitedRecord, Dependant
from engine.queries.visits import visit_of_delivery
from engine.sending.preview import payload_of
from engine.sources.ledger import RowOutcome
from engine.sources.origin import api_key_of, origin_of
from engine.sources.refused import tables_of
from engine.specs.record_type import Spec
from engine.value_rules.store import uses_of

# Id of the element that holds a delivery on a page of its own; a script that fills it gets no drawer.
PAGE_ELEMENT = "kiriman"
TIMES = ("created", "changed", "sent", "settled")


@get(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}",
    opt={"right": Right.PANEL},
    dependencies=OPENED,
)
async def delivery_page(
    request: Request[Any, Any, Any],
    opened: Opened,
    tab: FromQuery[str] = "",
    told: FromQuery[str] = "",
) -> Template:
    """Show the delivery as a page, or the content of a drawer when htmx asks."""
    return await page(request, opened, tab, told)


async def page(request: Request[Any, Any, Any], opened: OpenDelivery, tab: str, result: str = "") -> Template:
    """Show a tab with its frame; `result` is that of the person's last action."""
    outcome = await outcome_of(opened, resent=result in RESENT_RESULTS)
    awaited = result if result in RESULTS_WITH_OUTCOME else AWAITED if outcome.moving else ""
    context = await opened.context(tab, awaited)
    tab_context = await _tab_context(request, opened, context["tab"])
    is_partial = "hx-request" in request.headers
    context |= {
        "message": say(f"told.{result}") if result in RESULTS_WITH_MESSAGE else "",
        "outcome": outcome,
        "tell_outcome": bool(awaited),
        "next_failed": await opened.next_failed() if awaited and not outcome.moving else "",
        "drawer": is_partial and request.headers.get("hx-target") != PAGE_ELEMENT,
    }
    return Template(
        "deliveries/drawer.html" if is_partial else "deliveries/page.html", context={**context, **tab_context}
    )


async def _tab_context(request: Request[Any, Any, Any], opened: OpenDelivery, tab: str) -> dict[str, Any]:
    if tab == "ringkasan":
        return await _summary_context(opened)
    if tab == "audit":
        return {"audit": [_audit_entry(opened, row) for row in reversed(opened.detail.audit)]}
    if tab == "percobaan":
        return await attempts.all_of(opened, request)
    may_read = opened.layout.may(Permission.BODIES)
    if tab == "asal":
        return {"origin": await _origin(opened), **(await _record(opened) if may_read else {})}
    if not may_read:
        return {}
    return {**await _rules(opened), **await attempts.newest(opened), **await _planned_context(opened)}


async def _record(opened: OpenDelivery) -> dict[str, Any]:
    """Return the record as it was received, and the rules that replaced values in what was sent of it."""
    return {**await _rules(opened), "record": folded(opened.row.record.encode(), opened.hide)}


async def _rules(opened: OpenDelivery) -> dict[str, Any]:
    uses = await uses_of(opened.hub.database, opened.row.id)
    return {"rules": [rule_in_words(opened, use) for use in uses]}


async def _origin(opened: OpenDelivery) -> dict[str, str]:
    """Return in words where the record comes from: a row of the clinic's database, or its system."""
    catalog, spec = opened.hub.catalog, opened.entry.name
    row = await origin_of(opened.hub.database, catalog, opened.facility.id, spec, opened.row.key)
    if row is None:
        return {"words": _handed_in_by(await api_key_of(opened.hub.database, opened.row.id))}
    read = catalog.sources[row.source].reads[row.read]
    return {
        "words": say("origin.source", source=catalog.sources[row.source].label, read=row.read),
        "key": opened.hide(row.key),
        "key_columns": ", ".join(read.columns_of.get("$key", ())),
        "tables": ", ".join(tables_of(catalog.sources[row.source], read)),
        "day": day(row.last_day) if row.last_day else "",
        "gone": say("origin.gone") if row.state == RowOutcome.GONE else "",
    }


def _handed_in_by(api_key: str | None) -> str:
    """Return in words that a record came by the API; `api_key` is the name of the key, empty if it was deleted."""
    if api_key is None:
        return say("origin.api")
    return say("origin.api.key", name=api_key) if api_key else say("origin.api.deleted_key")


async def _summary_context(opened: OpenDelivery) -> dict[str, Any]:
    row, detail, hub = opened.row, opened.detail, opened.hub
    record = orjson.loads(row.record)
    items = (await items_awaited_by(hub, [row.id])).get(row.id, [])
    [found] = await record_warnings.of_records(hub.database, hub.catalog, opened.entry, [record], opened.facility)
    due = moment(row.due_at, opened.facility) if row.status in (Status.RETRYING, Status.UNSURE) else None
    return {
        "unknown_codes": [] if row.status == Status.SENT else list(map(sentence, found.codes)),
        "doubtful": list(map(sentence, found.checks)),
        "visit": await visit_of_delivery(hub.database, opened.facility.id, row.id),
        **timeline(opened, await uses_of(hub.database, row.id)),
        "cause": _cause(opened, items),
        "held": items,
        "unsuitable": _unsuitable(opened, items),
        "used": await codes_used_by(hub, row.id),
        "times": {name: moment(getattr(row, f"{name}_at"), opened.facility) for name in TIMES} | {"due": due},
        "waits_for": _waits_for(
            hub, opened.entry, [wait for wait in detail.waits_for if wait.spec not in hub.catalog.items]
        ),
        "waited_for_by": [_link(hub, waiting) for waiting in detail.waited_for_by],
    }


def _cause(opened: OpenDelivery, items: Sequence[WaitingItem]) -> Explanation | None:
    """Return cause and remedy; a missing code of an item comes before anything else that the delivery waits for."""
    if items and opened.row.status == Status.BLOCKED:
        return explain_missing_code(items[0].mapping, items[0].state)
    cause = opened.row.cause
    return explain(cause, opened.layout.upstream, opened.entry.name, paths=True) if cause else None


def _unsuitable(opened: OpenDelivery, items: Sequence[WaitingItem]) -> list[str]:
    """Return why a code that was given is not accepted here, in the words of the record type."""
    types = {item.mapping.item for item in items if item.state == queries.MAPPED}
    needs = (need for need in opened.entry.needs if types.intersection(need.specs) and need.accept)
    return list(dict.fromkeys(localized(need.accept.reason) for need in needs if need.accept))


async def _planned_context(opened: OpenDelivery) -> dict[str, Any]:
    """Return the body that will be sent: the edited body, or the present payload if nothing was ever sent."""
    row = opened.row
    if row.body is not None and row.status != Status.SENT:
        return {"written": folded(row.body.encode(), opened.hide)}
    if any(attempt.method for attempt in opened.detail.attempts):
        return {}
    try:
        payload = await payload_of(opened.hub.database, opened.hub.catalog.items, opened.entry, row, opened.facility)
    except AntarError as error:
        return {"not_planned": opened.hide(sentence(str(error)))}
    return {"planned": folded(orjson.dumps(payload), opened.hide)} if payload is not None else {}


def _audit_entry(opened: OpenDelivery, row: AuditRow) -> dict[str, Any]:
    return {
        "time": moment(row.at, opened.facility),
        "what": describe_action(row.action, row.actor),
        "reason": opened.hide(row.reason),
    }


def _waits_for(hub: Hub, entry: Spec, rows: Sequence[AwaitedRecord]) -> list[dict[str, Any]]:
    """Return a line per awaited record; of alternative types the submitted ones, else all of them in one line."""
    lines = [_link(hub, row) for row in rows if not row.alternative or row.id]
    submitted_keys = {row.key for row in rows if row.alternative and row.id}
    absent: dict[str, list[str]] = {}
    for row in rows:
        if row.alternative and row.key not in submitted_keys:
            absent.setdefault(row.key, []).append(row.spec)
    declared = dict.fromkeys(spec for need in entry.needs for spec in need.specs)
    for key, specs in absent.items():
        label = any_of(hub.catalog, [spec for spec in declared if spec in specs] or specs)
        lines.append({"label": label, "key": key, "status": say("delivery.not_here"), "address": None})
    return lines


def _link(hub: Hub, row: AwaitedRecord | Dependant) -> dict[str, Any]:
    """Return a link to a delivery that this one waits for, or that waits for this one; it may not be submitted yet."""
    spec = hub.catalog.specs.get(row.spec)
    return {
        "label": spec.label if spec else row.spec,
        "key": row.key,
        "status": say(f"status.{row.status}") if row.status else say("delivery.not_here"),
        "address": f"/integrasi/{spec.upstream.name}/{row.spec}/{row.id}" if spec and row.id else None,
    }
