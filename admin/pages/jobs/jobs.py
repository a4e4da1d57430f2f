"""Bulk actions: choosing, confirming, watching, pausing and cancelling a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Id, Number
from admin.pages.jobs.result import Result, result
from admin.pages.jobs.selection import ids_of, in_words, kept
from admin.pages.shared.explanations import explain
from admin.pages.shared.filters import Fields, ListFilters
from admin.pages.shared.formatting import entry_of, moment
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.jobs import jobs, queries
from engine.jobs.jobs import Action
from engine.jobs.queries import Tally
from engine.queries.deliveries import Filters

ACTIONS = {Action.RESEND, Action.IGNORE}
"""What may be asked for many at once; a regeneration has its own page."""
SIZE = 50
LONGEST_REASON = 500
BULK = {"right": Right.PANEL, "may": Permission.BULK}
SKIPPED = "skipped"


@post("/integrasi/{upstream:str}/{spec:str}/massal", opt=BULK, include_in_schema=False)
async def choose(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
) -> Redirect:
    """Fix the set: the ticked deliveries, or with `all=yes` what the filter finds now. Then a person confirms."""
    entry = entry_of(hub, upstream, spec)
    _, facility = await _around(request, upstream)
    form = await request.form()
    action = str(form.get("action", ""))
    if action not in ACTIONS:
        raise HTTPException(status_code=400)
    which, choice = _choice(form, entry.name)
    order = jobs.in_order(hub.catalog.specs.values())
    job_id = await jobs.draft(
        hub.database, facility.id, upstream, Action(action), which, chosen=choice, actor=person.name, order=order
    )
    return Redirect(f"/pekerjaan/{job_id}", status_code=303)


@get("/pekerjaan", opt=BULK, include_in_schema=False)
async def jobs_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub], before: Number = None) -> Template:
    """The jobs of the facility, newest first."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    found = queries.Rows([], None)
    if layout.facility is not None:
        found = await queries.newest(hub.database, layout.facility.id, before, SIZE)
    tallies = await queries.tallies(hub.database, [row.id for row in found.rows])
    rows = [_listed(hub, layout, row, tallies[row.id]) for row in found.rows]
    return Template(
        "jobs/jobs.html", context={"frame": layout, "rows": rows, "first": before is None, "next": found.next}
    )


@get("/pekerjaan/{id_:int}", opt=BULK, include_in_schema=False)
async def job_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    id_: Id,
    after: Number = None,
    only: FromQuery[str] = "",
) -> Template:
    """A draft to be confirmed, or how far a job is and what became of each of its deliveries."""
    layout, row = await _job(request, hub, id_)
    context = await _context(hub, layout, row, after or 0, skipped=only == SKIPPED)
    return Template("jobs/job.html", context={**context, "environment": layout.strip["environment"]})


@get("/pekerjaan/{id_:int}/kemajuan", opt={**BULK, "live": True}, include_in_schema=False)
async def progress(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    id_: Id,
    after: Number = None,
    only: FromQuery[str] = "",
) -> Template:
    """What the page asks for anew until the job and its deliveries have ended: its head, and the rows that it shows."""
    layout, row = await _job(request, hub, id_)
    context = await _context(hub, layout, row, after or 0, skipped=only == SKIPPED)
    return Template("jobs/job_changes.html", context={**context, "live": True})


@post("/pekerjaan/{id_:int}", opt=BULK, include_in_schema=False)
async def move_job(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Discard a draft or begin it (with a reason), pause, resume or cancel; what is too late changes nothing."""
    _, row = await _job(request, hub, id_)
    how = data.get("how", "")
    reason = data.get("reason", "").replace("\x00", "").strip()[:LONGEST_REASON]
    if how == "begin" and reason:
        await jobs.begin(hub.database, row.facility_id, id_, reason=reason, actor=person.name)
    elif how == "discard":
        await jobs.discard(hub.database, row.facility_id, id_)
        return Redirect(_chosen_at(row), status_code=303)
    elif how in jobs.MOVES:
        await jobs.move(hub.database, row.facility_id, id_, how, person.name)
    else:
        raise HTTPException(status_code=400)
    return Redirect(f"/pekerjaan/{id_}", status_code=303)


def _chosen_at(row: Any) -> str:
    """The page on which the set of a job was chosen."""
    choice = orjson.loads(row.chosen)
    if "mapping" in choice:
        return f"/pemetaan/{choice['mapping']}/{choice['item']}"
    home = f"/integrasi/{row.upstream}/{choice.get('spec', '')}"
    return f"{home}/koreksi/{choice['correction']}" if "correction" in choice else home


def _choice(form: Fields, spec: str) -> tuple[Filters | list[int], dict[str, Any]]:
    """What is to be taken, and how the job remembers the choice."""
    if form.getall("all", [""])[-1] == "yes":
        chosen = ListFilters.read(form)
        return chosen.filters([spec]), kept(spec, chosen)
    ids = ids_of(form)
    return ids, kept(spec, len(ids))


async def _around(request: Request[Any, Any, Any], upstream: str) -> tuple[Layout, FacilityRow]:
    layout = await layout_for(request, upstream)
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return layout, layout.facility


async def _job(request: Request[Any, Any, Any], hub: Hub, id_: int) -> tuple[Layout, Any]:
    """The job and the frame of its upstream; raises 404 for another facility's."""
    layout, facility = await _around(request, next(iter(hub.catalog.upstreams)))
    row = await queries.one(hub.database, facility.id, id_)
    if row is None:
        raise NotFoundException(say("error.not_found"))
    return _of_upstream(hub, layout, row.upstream), row


def _of_upstream(hub: Hub, layout: Layout, upstream: str) -> Layout:
    """The frame with another upstream's words; as it is for one that the configuration no longer has."""
    return replace(layout, upstream=hub.catalog.upstreams.get(upstream, layout.upstream))


async def _context(hub: Hub, layout: Layout, row: Any, after: int, *, skipped: bool) -> dict[str, Any]:
    tally = (await queries.tallies(hub.database, [row.id]))[row.id]
    cause = await queries.commonest_cause(hub.database, row.id) if tally.of(Status.FAILED) else None
    found = await queries.items(hub.database, row.id, after, SIZE, skipped=skipped)
    return {
        "frame": layout,
        "job": _shown(hub, layout, row, result(layout, row, tally, cause)),
        "items": [_item(hub, layout, item) for item in found.rows],
        "skipped_only": skipped,
        "after": after,
        "first": not after,
        "next": found.next,
    }


def _listed(hub: Hub, layout: Layout, row: Any, tally: Tally) -> dict[str, Any]:
    """A job of the list, in the words of its own upstream."""
    own = _of_upstream(hub, layout, row.upstream)
    return _shown(hub, own, row, result(own, row, tally))


def _shown(hub: Hub, layout: Layout, row: Any, became: Result) -> dict[str, Any]:
    facility: Any = layout.facility
    return {
        "id": row.id,
        "title": say(f"job.action.{row.action}"),
        "action": row.action,
        "chosen": in_words(hub, layout, orjson.loads(row.chosen)),
        "reason": row.reason,
        "actor": row.actor,
        "state": row.state,
        "result": became,
        "total": row.total,
        "done": row.done,
        "acted": row.done - row.skipped,
        "skipped": row.skipped,
        "percent": 100 * row.done // row.total if row.total else 100,
        "created": moment(row.created_at, facility),
        "ended": moment(row.ended_at, facility),
        "moves": [how for how, (before, _) in jobs.MOVES.items() if row.state in before],
    }


def _item(hub: Hub, layout: Layout, row: Any) -> dict[str, Any]:
    spec = hub.catalog.specs.get(row.spec) if row.spec else None
    known = row.status in set(Status)
    return {
        "address": f"/integrasi/{spec.upstream.name}/{row.spec}/{row.delivery_id}" if spec else None,
        "label": spec.label if spec else row.spec or "",
        "key": row.key or row.delivery_id,
        "norm": row.patient_norm,
        "name": row.patient_name,
        "outcome": say(f"job.outcome.{row.outcome or 'none'}"),
        "status": row.status if known else None,
        "status_label": layout.label(row.status) if known else "",
        "status_icon": layout.icon(row.status) if known else "",
        "code": row.http_status,
        "cause": explain(row.cause, layout.upstream).title if row.status == Status.FAILED and row.cause else "",
        "position": row.position,
    }
