"""*Perlu tindakan*: to-dos over all dates, those that free most deliveries first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from admin.pages.problems.recent_facts import RecentFacts
from admin.pages.shared.explanations import Explanation, any_of, explain
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout
from admin.pages.shared.waiting_items import items_by_key
from admin.people.permissions import Permission
from admin.text.masking import masked
from admin.text.words import localized, number, say, sentence
from engine.corrections.queries import open_corrections
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.health import ChannelHealth
from engine.hub import Hub
from engine.outbox import counters
from engine.queries.todo import Failure, Missing, TodoFacts
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Correction, Spec

MAX_TODOS = 3  # that the dashboard shows; the others are on the page of all problems
MAX_NAMED_KEYS = 10  # of the missing records of one to-do
# Deliveries with these statuses wait while a queue is closed.
STOPPED_STATUSES = (Status.QUEUED, Status.RETRYING, Status.UNSURE, Status.SENDING)


@dataclass(frozen=True, slots=True)
class Todo:
    """A to-do: its effect, its remedy, the page on which to do it, and the role that does it."""

    icon: str
    title: str
    effect: str
    remedy: str
    who: str
    href: str
    n: int


async def todo(hub: Hub, layout: Layout, recent_facts: RecentFacts) -> list[Todo]:
    """Return the to-dos: closed queues first, then corrections, then those that free most deliveries."""
    if layout.facility is None:
        return []
    facts = await recent_facts.of(hub, layout.facility.id, layout.upstream.name)
    stopped = await _stopped(hub, layout, layout.facility)
    freeing = [*_failures(hub, layout, facts), *[await _missing(hub, layout, missing) for missing in facts.missing]]
    wrong = await _corrections(hub, layout, layout.facility)
    return [*stopped, *wrong, *sorted(freeing, key=lambda entry: -entry.n)]


async def _stopped(hub: Hub, layout: Layout, facility: FacilityRow) -> list[Todo]:
    """Return to-dos for an upstream to which nothing is sent: no worker is alive, or its queue is closed."""
    channels = [
        channel["told"]
        for channel in layout.status_line["channels"]
        if channel["told"].upstream == layout.upstream.name
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


def _failures(hub: Hub, layout: Layout, facts: TodoFacts) -> Iterator[Todo]:
    """Merge groups that share a remedy into one to-do."""
    alike: dict[Explanation, list[Failure]] = {}
    for failure in facts.failures:
        alike.setdefault(explain(failure.cause, layout.upstream), []).append(failure)
    for explanation, failures in alike.items():
        yield _failure(hub, layout, explanation, failures)


def _failure(hub: Hub, layout: Layout, explanation: Explanation, failures: list[Failure]) -> Todo:
    home = f"/integrasi/{layout.upstream.name}"
    one = failures[0]
    href = f"{home}/{one.spec}?{urlencode({'cause': one.cause})}" if len(failures) == 1 else f"{home}/masalah"
    labels = ", ".join(dict.fromkeys(localized(hub.catalog.specs[failure.spec].label) for failure in failures))
    n = sum(failure.n + failure.behind for failure in failures)
    effect = _frees(n, more=any(failure.more for failure in failures))
    return Todo("alert-circle", f"{labels}: {explanation.title}", effect, explanation.remedy, explanation.who, href, n)


async def _missing(hub: Hub, layout: Layout, missing: Missing) -> Todo:
    mapping = hub.catalog.items.get(missing.specs[0])
    if mapping is not None and layout.facility is not None:
        return await _unmapped(hub, layout.facility, mapping, missing)
    spec = hub.catalog.specs[missing.specs[0]]
    title = say("todo.missing", n=number(len(missing.keys)), label=any_of(hub.catalog, missing.specs))
    keys = ", ".join(missing.keys[:MAX_NAMED_KEYS]) + (", …" if len(missing.keys) > MAX_NAMED_KEYS else "")
    remedy = say("todo.missing.remedy", keys=masked(keys))
    effect = _frees(missing.behind, more=missing.more)
    href = f"/integrasi/{spec.upstream.name}/masalah"
    return Todo("link-off", title, effect, remedy, say("who.integrator"), href, missing.behind)


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
    return say("todo.frees.more" if more else "todo.frees", n=number(n))
