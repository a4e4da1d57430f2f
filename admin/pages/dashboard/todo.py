"""*Perlu tindakan*: the few things to do that free most deliveries, most first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from admin.pages.deliveries.failure_groups import any_of
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout
from admin.pages.shared.waiting_items import items_by_key
from admin.people.permissions import Permission
from admin.text.masking import masked
from admin.text.words import language, number, say
from engine.corrections.queries import open_corrections
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.health import ChannelHealth
from engine.hub import Hub
from engine.outbox import counters
from engine.queries.todo import Failure, Missing, TodoFacts, todo_facts
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Correction, Spec
from engine.specs.remedies import Explanation

SHOWN = 5
NAMED = 10
"""Keys of missing records that are named."""
FRESH = 20_000
"""Milliseconds for which what was found holds: everybody's dashboard asks every few seconds."""
STANDING = (Status.QUEUED, Status.RETRYING, Status.UNSURE, Status.SENDING)
"""What stands still while a queue is closed."""


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do, what comes of it, where to do it, and who does it."""

    icon: str
    title: str
    effect: str
    remedy: str
    who: str
    href: str
    n: int


class Recent:
    """What was found urgent a moment ago, by facility and upstream; one for each process."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, str, str], tuple[int, TodoFacts]] = {}

    async def of(self, hub: Hub, facility_id: int, upstream: str) -> TodoFacts:
        key, now = (facility_id, upstream, hub.catalog.hash), hub.database.clock()
        at, found = self._found.get(key, (0, None))
        if found is None or now - at >= FRESH:
            specs = [spec for spec in hub.catalog.specs.values() if spec.upstream.name == upstream]
            found = await todo_facts(hub.database, facility_id, specs)
            self._found[key] = now, found
        return found


async def todo(hub: Hub, layout: Layout, recent: Recent) -> list[Todo]:
    """What everything waits for comes first, then what was sent wrongly, then whatever frees most."""
    if layout.facility is None:
        return []
    found = await recent.of(hub, layout.facility.id, layout.upstream.name)
    standing = await _standing(hub, layout, layout.facility)
    freeing = [*_failures(hub, layout, found), *[await _missing(hub, layout, each) for each in found.missing]]
    wrong = await _corrections(hub, layout, layout.facility)
    return [*standing, *wrong, *sorted(freeing, key=lambda each: -each.n)[: max(0, SHOWN - len(standing))]]


async def _standing(hub: Hub, layout: Layout, facility: FacilityRow) -> list[Todo]:
    """Nothing goes out at all: no worker, or the queue is closed."""
    channels = [each["told"] for each in layout.strip["channels"] if each["told"].upstream == layout.upstream.name]
    closed = [channel for channel in channels if channel.cause]
    if layout.strip["workers"] and not closed:
        return []
    n = await _waiting(hub, facility.id, layout.upstream.name)
    stopped = [] if layout.strip["workers"] or not n else [_no_worker(n)]
    return [*stopped, *(_closed(layout, facility, channel, n) for channel in closed)]


async def _corrections(hub: Hub, layout: Layout, facility: FacilityRow) -> list[Todo]:
    """Deliveries whose content was wrong when they were sent: what stands at the upstream may mislead somebody."""
    named = {
        (spec.name, each.name): (spec, each)
        for spec in hub.catalog.specs.values()
        if spec.upstream.name == layout.upstream.name
        for each in spec.corrections
    }
    rows = [row for row in await open_corrections(hub.database, facility.id) if (row.spec, row.name) in named]
    return [_correction(layout, *named[row.spec, row.name], row.affected) for row in rows]


def _correction(layout: Layout, spec: Spec, correction: Correction, n: int) -> Todo:
    title = say("todo.correction", label=spec.label, title=correction.title[language()])
    effect = say("todo.correction.effect", n=number(n))
    href = f"/integrasi/{layout.upstream.name}/{spec.name}/koreksi/{correction.name}"
    return Todo("alert-triangle", title, effect, correction.reason[language()], say("who.admin"), href, n)


async def _waiting(hub: Hub, facility_id: int, upstream: str) -> int:
    counts: Mapping[str, Mapping[str, int]] = await counters.read(hub.database, facility_id)
    specs = [spec.name for spec in hub.catalog.specs.values() if spec.upstream.name == upstream]
    return sum(counts.get(spec, {}).get(status, 0) for spec in specs for status in STANDING)


def _no_worker(n: int) -> Todo:
    effect = say("todo.stopped", n=number(n))
    return Todo("engine-off", say("strip.no_workers"), effect, say("alarm.workers.remedy"), "", "/kesehatan", n)


def _closed(layout: Layout, facility: FacilityRow, channel: ChannelHealth, n: int) -> Todo:
    told = {"upstream": layout.upstream.label, "facility": facility.name, "reason": channel.reason}
    probe = moment(channel.probe_at, facility)
    again = say("health.probe", at=probe.short) if probe else ""
    mends = channel.cause == "refused" and layout.may(Permission.MANAGE)
    return Todo(
        "plug-connected-x",
        say(f"alarm.{channel.cause}", **told),
        f"{say('todo.stopped', n=number(n))}; {again}",
        say(f"alarm.{channel.cause}.remedy", **told),
        "",
        "/admin" if mends else "/kesehatan",
        n,
    )


def _failures(hub: Hub, layout: Layout, found: TodoFacts) -> Iterator[Todo]:
    """Groups that are mended alike are one thing to do."""
    alike: dict[Explanation, list[Failure]] = {}
    for failure in found.failures:
        alike.setdefault(explain(failure.cause, layout.upstream), []).append(failure)
    for told, failures in alike.items():
        yield _failure(hub, layout, told, failures)


def _failure(hub: Hub, layout: Layout, told: Explanation, failures: list[Failure]) -> Todo:
    home = f"/integrasi/{layout.upstream.name}"
    one = failures[0]
    href = f"{home}/{one.spec}?{urlencode({'cause': one.cause})}" if len(failures) == 1 else f"{home}/masalah"
    labels = ", ".join(dict.fromkeys(hub.catalog.specs[each.spec].label for each in failures))
    n = sum(each.n + each.behind for each in failures)
    effect = _frees(n, more=any(each.more for each in failures))
    return Todo("alert-circle", f"{labels}: {told.title}", effect, told.remedy, told.who, href, n)


async def _missing(hub: Hub, layout: Layout, missing: Missing) -> Todo:
    mapping = hub.catalog.items.get(missing.specs[0])
    if mapping is not None and layout.facility is not None:
        return await _unmapped(hub, layout.facility, mapping, missing)
    spec = hub.catalog.specs[missing.specs[0]]
    title = say("todo.missing", n=number(len(missing.keys)), label=any_of(hub, missing.specs))
    keys = ", ".join(missing.keys[:NAMED]) + (", …" if len(missing.keys) > NAMED else "")
    remedy = say("todo.missing.remedy", keys=masked(keys))
    effect = _frees(missing.behind, more=missing.more)
    href = f"/integrasi/{spec.upstream.name}/masalah"
    return Todo("link-off", title, effect, remedy, say("who.integrator"), href, missing.behind)


async def _unmapped(hub: Hub, facility: FacilityRow, mapping: MappingSpec, missing: Missing) -> Todo:
    """Items without a code that deliveries wait for; a single one is led to at once."""
    found = await items_by_key(hub, facility.id, mapping, missing.keys[:NAMED])
    alone = len(missing.keys) == 1 and found[0].id
    title = say("todo.unmapped.one", name=found[0].name) if alone else ""
    title = title or say("todo.unmapped", n=number(len(missing.keys)), one=mapping.one)
    names = ", ".join(each.name for each in found) + (", …" if len(missing.keys) > NAMED else "")
    href = found[0].href if alone else f"/pemetaan/{mapping.name}"
    effect = _frees(missing.behind, more=missing.more)
    return Todo(mapping.icon, title, effect, names, say("who.petugas"), href, missing.behind)


def _frees(n: int, *, more: bool) -> str:
    return say("todo.frees.more" if more else "todo.frees", n=number(n))
