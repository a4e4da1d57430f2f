"""*Perlu tindakan*: to-dos over all dates, those that free most deliveries first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from admin.pages.problems.not_taken import PAGE as NOT_TAKEN_PAGE
from admin.pages.problems.problems import PAGE
from admin.pages.problems.root_causes import RootCause
from admin.pages.problems.states import escalations
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout
from admin.pages.shared.waiting_items import items_by_key
from admin.people.permissions import Permission
from admin.text.words import localized, number, say, sentence
from engine.corrections.queries import open_corrections
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.health import ChannelHealth
from engine.hub import Hub
from engine.identifiers import masked
from engine.outbox import counters
from engine.queries.todo import Missing
from engine.sources.refused import refused_by_type
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Correction, Spec

MAX_TODOS = 3  # that the dashboard shows; the others are on the page of all problems
MAX_NAMED_KEYS = 10  # of the missing records of one to-do
# Deliveries with these statuses wait while a queue is closed.
STOPPED_STATUSES = (Status.QUEUED, Status.RETRYING, Status.UNSURE, Status.SENDING)


@dataclass(frozen=True, slots=True)
class Todo:
    """A to-do: its effect, its remedy, the page on which to do it, and the role that does it.

    `escalated` says for how long the problem is open, if that is longer than the clinic allows.
    """

    icon: str
    title: str
    effect: str
    remedy: str
    who: str
    href: str
    n: int
    escalated: str = ""


async def todo(hub: Hub, layout: Layout, causes: Sequence[RootCause]) -> list[Todo]:
    """Return the to-dos: closed queues first, then corrections, what was refused, the root causes in their order.

    Of the root causes the escalated ones come first.
    """
    if layout.facility is None:
        return []
    stopped = await _stopped(hub, layout, layout.facility)
    wrong = await _corrections(hub, layout, layout.facility)
    refused = await _refused(hub, layout, layout.facility)
    late = await escalations(hub, layout.facility, causes)
    ordered = sorted(causes, key=lambda cause: cause.key not in late)
    todos = [await _of_cause(hub, layout.facility, cause) for cause in ordered]
    marked = [replace(one, escalated=late.get(cause.key, "")) for one, cause in zip(todos, ordered, strict=True)]
    return [*stopped, *wrong, *refused, *marked]


async def _stopped(hub: Hub, layout: Layout, facility: FacilityRow) -> list[Todo]:
    """Return to-dos for an upstream to which nothing is sent: no worker is alive, or its queue is closed."""
    channels = [
        row["channel"] for row in layout.status_line["channels"] if row["channel"].upstream == layout.upstream.name
    ]
    closed = [channel for channel in channels if channel.cause]
    if layout.status_line["workers"] and not closed:
        return []
    n = await _count_stopped(hub, facility.id, layout.upstream.name)
    no_worker = [] if layout.status_line["workers"] or not n else [_no_worker(n)]
    return [*no_worker, *(_closed(layout, facility, channel, n) for channel in closed)]


async def _corrections(hub: Hub, layout: Layout, facility: FacilityRow) -> list[Todo]:
    """Return to-dos for deliveries that were sent with wrong content, which may mislead readers at the upstream."""
    corrections = {
        (spec.name, correction.name): (spec, correction)
        for spec in hub.catalog.specs.values()
        if spec.upstream.name == layout.upstream.name
        for correction in spec.corrections
    }
    rows = [row for row in await open_corrections(hub.database, facility.id) if (row.spec, row.name) in corrections]
    return [_correction(layout, *corrections[row.spec, row.name], row.affected) for row in rows]


def _correction(layout: Layout, spec: Spec, correction: Correction, n: int) -> Todo:
    title = say("todo.correction", label=spec.label, title=correction.title)
    effect = say("todo.correction.effect", n=number(n))
    href = f"/integrasi/{layout.upstream.name}/{spec.name}/koreksi/{correction.name}"
    return Todo("alert-triangle", title, effect, localized(correction.reason), say("who.admin"), href, n)


async def _refused(hub: Hub, layout: Layout, facility: FacilityRow) -> list[Todo]:
    """Return a to-do for the rows and records of this upstream that were refused at the door."""
    catalog, upstream = hub.catalog, layout.upstream.name
    counts = await refused_by_type(hub.database, catalog, facility.id)
    own = {name for name, spec in catalog.specs.items() if spec.upstream.name == upstream}
    own |= {name for name, mapping in catalog.items.items() if mapping.upstream.name == upstream}
    n = sum(counts.get(name, 0) for name in own)
    labels = ", ".join(localized(catalog.specs[name].label) for name in counts if name in own & catalog.specs.keys())
    if not n:
        return []
    title, effect = say("refused.todo", n=number(n)), say("refused.todo.effect")
    return [Todo("database-x", title, effect, labels, say("who.petugas"), NOT_TAKEN_PAGE, n)]


async def _count_stopped(hub: Hub, facility_id: int, upstream: str) -> int:
    counts: Mapping[str, Mapping[str, int]] = await counters.read(hub.database, facility_id)
    specs = [spec.name for spec in hub.catalog.specs.values() if spec.upstream.name == upstream]
    return sum(counts.get(spec, {}).get(status, 0) for spec in specs for status in STOPPED_STATUSES)


def _no_worker(n: int) -> Todo:
    effect = say("todo.stopped", n=number(n))
    return Todo("engine-off", say("strip.no_workers"), effect, say("alarm.workers.remedy"), "", "/kesehatan", n)


def _closed(layout: Layout, facility: FacilityRow, channel: ChannelHealth, n: int) -> Todo:
    values = {"upstream": layout.upstream.label, "facility": facility.name, "reason": sentence(channel.reason)}
    probe = moment(channel.probe_at, facility)
    again = say("health.probe", at=probe.short) if probe else ""
    mends = channel.cause == "refused" and layout.may(Permission.MANAGE)
    return Todo(
        "plug-connected-x",
        say(f"alarm.{channel.cause}", **values),
        f"{say('todo.stopped', n=number(n))}; {again}",
        say(f"alarm.{channel.cause}.remedy", **values),
        "",
        "/admin" if mends else "/kesehatan",
        n,
    )


async def _of_cause(hub: Hub, facility: FacilityRow, cause: RootCause) -> Todo:
    """Return a root cause as a to-do: types and title of failures, the keys of missing records, names of items."""
    missing = cause.missing
    mapping = hub.catalog.items.get(missing.specs[0]) if missing else None
    if missing is not None and mapping is not None:
        return await _unmapped(hub, facility, mapping, missing)
    explanation, effect = cause.explanation, _frees(cause.total, more=cause.more)
    title, remedy = f"{cause.labels}: {explanation.title}", explanation.remedy
    if missing is not None:
        keys = ", ".join(missing.keys[:MAX_NAMED_KEYS]) + (", …" if len(missing.keys) > MAX_NAMED_KEYS else "")
        title, remedy = explanation.title, f"{remedy} {masked(keys)}"
    href = cause.parts[0].href if missing is None and len(cause.parts) == 1 else f"{PAGE}#{cause.id}"
    return Todo(cause.icon, title, effect, remedy, explanation.who, href, cause.total)


async def _unmapped(hub: Hub, facility: FacilityRow, mapping: MappingSpec, missing: Missing) -> Todo:
    """Return a to-do for items without a code that deliveries wait for; for one item, link to its own page."""
    items = await items_by_key(hub, facility.id, mapping, missing.keys[:MAX_NAMED_KEYS])
    alone = len(missing.keys) == 1 and items[0].id
    title = say("todo.unmapped.one", name=items[0].name) if alone else ""
    title = title or say("todo.unmapped", n=number(len(missing.keys)), one=mapping.one)
    names = ", ".join(item.name for item in items) + (", …" if len(missing.keys) > MAX_NAMED_KEYS else "")
    href = items[0].href if alone else f"/pemetaan/{mapping.name}"
    effect = _frees(missing.behind, more=missing.more)
    return Todo(mapping.icon, title, effect, names, say("who.petugas"), href, missing.behind)


def _frees(n: int, *, more: bool) -> str:
    return say("problems.frees.more" if more else "problems.frees", n=number(n))
