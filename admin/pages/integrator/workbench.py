"""*Meja uji*: a record's payload by the present entry, its answer rules, and what a changed entry would change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin.http.access import Right, demand
from admin.http.parameters import Number, Text
from admin.pages.integrator.answer_rules import MAX_ANSWER_CHARACTERS, JudgedAnswer, judge, rules_in_words
from admin.pages.shared.diff import differences
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import day
from admin.pages.shared.json_view import MAX_JSON_BYTES, folded, pretty
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say, sentence
from engine.catalog.reading.render import problems_of
from engine.database.rows import DeliveryRow
from engine.delivery.causes import FOREIGN, cause_text
from engine.draft_trial import Pair, Trial, TrialResult, TriedRecord, present_payloads, run_trial
from engine.errors import AntarError
from engine.hub import Hub
from engine.identifiers import masked
from engine.outbox import counters
from engine.queries import paging
from engine.queries.deliveries import Filters
from engine.queries.paging import Cursor
from engine.sending.preview import payload_of
from engine.specs.record_type import Operation, Spec

PAGE = "/meja-uji"
OPT = {"right": Right.PANEL, "may": Permission.RAW}
MAX_DRAFT_CHARACTERS = 100_000
MAX_RECORD_CHARACTERS = 200_000
MAX_TRIED = 500  # of the newest deliveries of the type
MAX_TRIED_BYTES = 8 * 1024 * 1024  # of their records
CHUNK = 50
_one_trial = asyncio.Semaphore(1)


@dataclass(frozen=True, slots=True)
class TypedRecord:
    """A record that a person typed, as the preview takes it."""

    facility_id: int
    record: str
    reference: str | None = None


@dataclass(slots=True)
class Bench:
    """State of the page: the type, the record, and the results of what the person tried."""

    hub: Hub
    layout: Layout
    spec: Spec
    row: DeliveryRow | None = None
    typed: str = ""
    problem: str = ""
    draft: str = ""
    status: str = ""
    answer: str = ""
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> DeliveryRow | TypedRecord | None:
        facility = self.layout.facility
        if self.typed and facility is not None:
            return TypedRecord(facility.id, self.typed)
        return self.row

    @property
    def operation(self) -> Operation:
        return self.spec.operation_for(self.source.reference if self.source else None)

    @property
    def day(self) -> str:
        return day(self.row.date) if self.row else ""

    def hide(self, text: str) -> str:
        """Return a text of the record with identifiers masked."""
        known = self.spec.identifiers(orjson.loads(self.source.record)) if self.source else ()
        return masked(text, known)


@get(PAGE, opt=OPT)
async def workbench_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    jenis: Text = "",
    id: Number = None,
) -> Template:
    """Show the newest record of a type, or the delivery of that id, and the type's answer rules."""
    await demand(hub, person, Permission.BODIES)
    bench = await _bench(request, hub, jenis, id)
    return await _page(bench)


@post(PAGE, opt=OPT, status_code=200, request_max_body_size=2 * 1024 * 1024)
async def try_out(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person]
) -> Template:
    """Try what was typed: another record, an answer, a changed entry. Nothing is stored or sent."""
    await demand(hub, person, Permission.BODIES)
    form = await request.form()

    def typed(name: str, most: int) -> str:
        return str(form.get(name, "")).replace("\x00", "").replace("\r\n", "\n")[:most]

    id_ = typed("id", 15)
    bench = await _bench(request, hub, typed("jenis", 60), int(id_) if id_.isdecimal() else None, typed("kunci", 200))
    bench.typed = typed("record", MAX_RECORD_CHARACTERS).strip()
    bench.draft = typed("draft", MAX_DRAFT_CHARACTERS).strip()
    bench.status, bench.answer = typed("status", 3), typed("answer", MAX_ANSWER_CHARACTERS).strip()
    if bench.typed:
        bench.problem = _refused(bench)
    if bench.status or bench.answer:
        bench.results["judged"] = _judged(bench)
    if bench.draft and not bench.problem and bench.source is not None:
        bench.results |= await _trial(bench)
    return await _page(bench)


async def _bench(request: Request[Any, Any, Any], hub: Hub, name: str, id_: int | None, key: str = "") -> Bench:
    spec = hub.catalog.specs.get(name) or next(iter(hub.catalog.specs.values()))
    layout = await layout_for(request, spec.upstream.name)
    bench = Bench(hub, layout, spec)
    if layout.facility is not None:
        filters = Filters(specs=(spec.name,), key=key or None)
        rows = [] if key or id_ is None else await paging.by_ids(hub.database, layout.facility.id, spec.name, [id_])
        rows = rows or (await paging.page(hub.database, layout.facility.id, filters, 1)).rows
        bench.row = next(iter(rows), None)
        if key and bench.row is None:
            bench.problem = say("workbench.no_record", key=key)
    return bench


def _refused(bench: Bench) -> str:
    """Return why a typed record is refused, as the intake would say it; empty if it is not."""
    try:
        record = orjson.loads(bench.typed)
        if not isinstance(record, dict):
            raise TypeError
        problems = problems_of(bench.spec, record, bench.layout.facility)
    except (orjson.JSONDecodeError, TypeError):
        bench.typed = ""
        return say("workbench.no_json")
    except AntarError as error:
        return sentence(str(error))
    return "\n".join(f"{problem.path}: {sentence(problem.message)}" for problem in problems)


async def _page(bench: Bench) -> Template:
    met: JudgedAnswer | None = bench.results.get("judged", {}).get("answer")
    context = {
        "frame": bench.layout,
        "bench": bench,
        "spec": bench.spec,
        "types": list(bench.hub.catalog.specs.values()),
        "rules": rules_in_words(bench.spec, met.rule if met else None),
        "entry": f"{bench.spec.source.file}:{bench.spec.source.line}",
        "most": MAX_TRIED,
        **await _payload(bench),
        **bench.results,
    }
    return Template("integrator/workbench.html", context=context)


async def _payload(bench: Bench) -> Mapping[str, Any]:
    """Return the payload by the present entry, and what the check before sending finds in it."""
    source, facility = bench.source, bench.layout.facility
    if source is None or facility is None or (bench.typed and bench.problem):
        return {"payload": None, "faults": []}
    hub = bench.hub
    try:
        payload = await payload_of(hub.database, hub.catalog.items, bench.spec, source, facility)
    except AntarError as error:
        return {"payload": None, "faults": [bench.hide(sentence(str(error)))]}
    if payload is None:
        return {"payload": None, "faults": [], "lookup": True}
    found = hub.upstream(bench.spec.upstream.name).check(payload) if bench.spec.check else ()
    faults = [bench.hide(f"{problem.path}: {sentence(problem.message)}") for problem in found]
    return {"payload": folded(orjson.dumps(payload), bench.hide), "faults": faults}


def _judged(bench: Bench) -> dict[str, Any]:
    status = int(bench.status) if bench.status.isdecimal() else 200
    answer = judge(bench.spec, bench.operation, status, bench.answer)
    reply = answer.reply
    cause = cause_text(reply.verdict, reply.code or reply.status, reply.place, reply.message)
    cause = "" if answer.good else FOREIGN if reply.foreign else cause
    return {
        "answer": answer,
        "cause": explain(cause, bench.spec.upstream, bench.spec.name) if cause else None,
        "message": bench.hide(sentence(reply.message)),
    }


async def _trial(bench: Bench) -> dict[str, Any]:
    """Try the draft on the record of the page and on the newest deliveries of the type."""
    source, facility = bench.source, bench.layout.facility
    if source is None or facility is None:
        return {}
    if _one_trial.locked():
        return {"trial": TrialResult(ended="busy")}
    async with _one_trial:
        first = TriedRecord(getattr(source, "id", 0), source.record, source.reference)
        newest = await _newest(bench)
        counts = (await counters.read(bench.hub.database, facility.id)).get(bench.spec.name, {})
        view = {name: getattr(facility, name) for name in ("code", "name", "time_zone", "organization_id")}
        records = [first, *(row for row in newest if row.id != first.id)]
        await present_payloads(bench.spec, records, view)
        trial = Trial(str(bench.hub.settings.config_dir), bench.spec.name, bench.draft, view, records)
        result = await run_trial(trial)
    return {
        "trial": result,
        "untried": max(0, sum(counts.values()) - len(newest)),
        "first": _pair(bench, result.first) if result.first else None,
        "examples": [_pair(bench, pair) for pair in result.examples if not result.first or pair.id != result.first.id],
    }


async def _newest(bench: Bench) -> Sequence[TriedRecord]:
    """Return the newest deliveries of the type, up to both limits."""
    facility, found, size = bench.layout.facility, list[TriedRecord](), 0
    place: Cursor | None = None
    while facility is not None and len(found) < MAX_TRIED:
        filters = Filters(specs=(bench.spec.name,))
        page = await paging.page(bench.hub.database, facility.id, filters, CHUNK, after=place)
        for row in page.rows:
            size += len(row.record)
            if size > MAX_TRIED_BYTES:
                return found
            found.append(TriedRecord(row.id, row.record, row.reference))
        place = page.after
        if place is None:
            break
    return found


def _pair(bench: Bench, pair: Pair) -> dict[str, Any]:
    """Return both payloads of a record for the page, masked, with their differences."""
    old, new = bench.hide(pretty(pair.old)), bench.hide(pretty(pair.new))
    too_long = max(len(old), len(new)) > 2 * MAX_JSON_BYTES
    return {
        "id": pair.id,
        "differs": pair.differs,
        "old": folded(pair.old.encode(), bench.hide) if pair.old else None,
        "new": folded(pair.new.encode(), bench.hide) if pair.new else None,
        "old_problem": bench.hide(pair.old_problem),
        "new_problem": bench.hide(pair.new_problem),
        "lines": None if too_long else differences(old, new),
    }
