"""Bulk actions: choose, confirm, watch, pause and cancel a job."""

from __future__ import annotations

from typing import Any

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Number
from admin.pages.jobs.opened import OPENED, Opened, OpenJob, of_upstream
from admin.pages.jobs.result import JobResult, result
from admin.pages.jobs.selection import choice_in_words, stored_choice, ticked_ids
from admin.pages.shared.explanations import explain
from admin.pages.shared.filters import Fields, ListFilters
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.database.rows import JobRow
from engine.delivery.status import Status
from engine.hub import Hub
from engine.jobs import jobs, mend, queries
from engine.jobs.jobs import Action, JobState
from engine.jobs.queries import JobDelivery, Tally
from engine.queries.deliveries import Filters
from engine.specs.record_type import Spec

# Actions for many deliveries at once; a regeneration has its own page.
ACTIONS = {Action.RESEND, Action.IGNORE}
PAGE_SIZE = 50
MAX_REASON_CHARACTERS = 500
BULK = {"right": Right.PANEL, "may": Permission.BULK}
SKIPPED = "skipped"
UNDO = "undo"  # of a job that has not begun to send
TOLD = {"twice", "undone", "late"}  # results of the last action that the page tells


@post("/integrasi/{upstream:str}/{spec:str}/massal", opt=BULK, dependencies=OPENED_TYPE)
async def choose(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened_type: OpenedType,
) -> Redirect:
    """Draft a job, to be confirmed: the ticked deliveries, or with `all=yes` those that match the filter now."""
    entry, facility = opened_type.entry, opened_type.facility()
    form = await request.form()
    action = str(form.get("action", ""))
    if action not in ACTIONS:
        raise HTTPException(status_code=400)
    which, choice = _choice(form, entry)
    order = jobs.in_order(hub.catalog.specs.values())
    upstream = entry.upstream.name
    job_id = await jobs.draft(
        hub.database, facility.id, upstream, Action(action), which, chosen=choice, actor=person.name, order=order
    )
    return Redirect(f"/pekerjaan/{job_id}", status_code=303)


@get("/pekerjaan", opt=BULK)
async def jobs_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub], before: Number = None) -> Template:
    """List the jobs of the facility, newest first."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    page: queries.Rows[JobRow] = queries.Rows([], None)
    if layout.facility is not None:
        page = await queries.newest(hub.database, layout.facility.id, before, PAGE_SIZE)
    tallies = await queries.tallies(hub.database, [row.id for row in page.rows])
    rows = [_list_row(hub, layout, row, tallies[row.id]) for row in page.rows]
    return Template(
        "jobs/jobs.html", context={"frame": layout, "rows": rows, "first": before is None, "next": page.next}
    )


@get("/pekerjaan/{id_:int}", opt=BULK, dependencies=OPENED)
async def job_page(
    opened: Opened,
    after: Number = None,
    only: FromQuery[str] = "",
    told: FromQuery[str] = "",
) -> Template:
    """Show a draft to be confirmed, or the progress of a job and the outcome of each of its deliveries."""
    context = await _context(opened, after or 0, skipped=only == SKIPPED)
    context["told"] = told if told in TOLD else ""
    return Template("jobs/job.html", context={**context, "environment": opened.layout.status_line["environment"]})


@get("/pekerjaan/{id_:int}/kemajuan", opt={**BULK, "live": True}, dependencies=OPENED)
async def progress(
    opened: Opened,
    after: Number = None,
    only: FromQuery[str] = "",
) -> Template:
    """Return head and rows of the page, which polls them until the job and its deliveries have ended."""
    context = await _context(opened, after or 0, skipped=only == SKIPPED)
    return Template("jobs/job_changes.html", context={**context, "live": True})


@post("/pekerjaan/{id_:int}", opt=BULK, dependencies=OPENED)
async def move_job(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Discard or begin a draft (with a reason), or pause, resume or cancel a job; a late action changes nothing."""
    row, id_ = opened.row, opened.row.id
    how = data.get("how", "")
    reason = data.get("reason", "").replace("\x00", "").strip()[:MAX_REASON_CHARACTERS]
    if how == "begin" and reason:
        await jobs.begin(hub.database, row.facility_id, id_, reason=reason, actor=person.name)
    elif how == "discard":
        await jobs.discard(hub.database, row.facility_id, id_)
        return Redirect(_chosen_at(row), status_code=303)
    elif how == UNDO:
        undone = await mend.undo(hub.database, row.facility_id, id_, person.name)
        return Redirect(f"/pekerjaan/{id_}?told={'undone' if undone else 'late'}", status_code=303)
    elif how in jobs.MOVES:
        await jobs.move(hub.database, row.facility_id, id_, how, person.name)
    else:
        raise HTTPException(status_code=400)
    return Redirect(f"/pekerjaan/{id_}", status_code=303)


def _chosen_at(row: JobRow) -> str:
    """Return the page on which the deliveries of a job were chosen."""
    choice = orjson.loads(row.chosen)
    if "mapping" in choice:
        return f"/pemetaan/{choice['mapping']}/{choice['item']}"
    home = f"/integrasi/{row.upstream}/{choice.get('spec', '')}"
    return f"{home}/koreksi/{choice['correction']}" if "correction" in choice else home


def _choice(form: Fields, spec: Spec) -> tuple[Filters | list[int], dict[str, Any]]:
    """Return the chosen deliveries, and the choice as the job stores it."""
    if form.getall("all", [""])[-1] == "yes":
        chosen = ListFilters.read(form, spec)
        return chosen.filters([spec.name]), stored_choice(spec.name, chosen)
    ids = ticked_ids(form)
    return ids, stored_choice(spec.name, len(ids))


async def _context(opened: OpenJob, after: int, *, skipped: bool) -> dict[str, Any]:
    hub, layout, row = opened.hub, opened.layout, opened.row
    tally = (await queries.tallies(hub.database, [row.id]))[row.id]
    cause = await queries.commonest_cause(hub.database, row.id) if tally.of(Status.FAILED) else None
    page = await queries.items(hub.database, row.facility_id, row.id, after, PAGE_SIZE, skipped=skipped)
    return {
        "frame": layout,
        "job": _view(hub, layout, row, result(layout, row, tally, cause)),
        "items": [_item(hub, layout, item) for item in page.rows],
        "skipped_only": skipped,
        "after": after,
        "first": not after,
        "next": page.next,
    }


def _list_row(hub: Hub, layout: Layout, row: JobRow, tally: Tally) -> dict[str, Any]:
    """Return a job of the list, in the words of its own upstream."""
    own = of_upstream(hub, layout, row.upstream)
    return _view(hub, own, row, result(own, row, tally))


def _view(hub: Hub, layout: Layout, row: JobRow, outcome: JobResult) -> dict[str, Any]:
    facility: Any = layout.facility
    return {
        "id": row.id,
        "title": say(f"job.action.{row.action}"),
        "action": row.action,
        "chosen": choice_in_words(hub, layout, orjson.loads(row.chosen)),
        "reason": row.reason,
        "actor": row.actor,
        "state": row.state,
        "result": outcome,
        "total": row.total,
        "done": row.done,
        "acted": row.done - row.skipped,
        "skipped": row.skipped,
        "percent": 100 * row.done // row.total if row.total else 100,
        "created": moment(row.created_at, facility),
        "ended": moment(row.ended_at, facility),
        "moves": [how for how, (before, _) in jobs.MOVES.items() if row.state in before],
        "undo": _may_undo(row),
        "wait": max(0, (row.starts_at or 0) - hub.database.clock()) // 1000,
    }


def _may_undo(row: JobRow) -> bool:
    """Return whether the job has done nothing yet, and can be undone with its rules."""
    return row.action == Action.MEND and not row.done and row.state in (JobState.RUNNING, JobState.PAUSED)


def _item(hub: Hub, layout: Layout, row: JobDelivery) -> dict[str, Any]:
    spec = hub.catalog.specs.get(row.spec) if row.spec else None
    status = row.status if row.status in set(Status) else None
    return {
        "address": f"/integrasi/{spec.upstream.name}/{row.spec}/{row.delivery_id}" if spec else None,
        "label": spec.label if spec else row.spec or "",
        "key": row.key or row.delivery_id,
        "norm": row.patient_norm,
        "name": row.patient_name,
        "outcome": say(f"job.outcome.{row.outcome or 'none'}"),
        "status": status,
        "status_label": layout.label(status) if status else "",
        "status_icon": layout.icon(status) if status else "",
        "code": row.http_status,
        "cause": _cause_title(layout, row),
        "position": row.position,
    }


def _cause_title(layout: Layout, row: JobDelivery) -> str:
    failed = row.status == Status.FAILED and row.cause
    return explain(row.cause or "", layout.upstream, row.spec or "").title if failed else ""
