"""One visit over all upstreams: a row for each type, what is lacking, *Kirim yang kurang*, and all that happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import MAX_INTEGER, Ids
from admin.pages.deliveries.timeline import ICONS, describe_action
from admin.pages.shared.formatting import day, moment
from admin.pages.visits.marks import LackView, cases_of, delivery_view, lacks_of, mark_of
from admin.pages.visits.opened import OPENED, OpenClinic, Opened
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized, say, sentence
from engine.delivery.status import Status
from engine.identifiers import masked
from engine.outbox.resend import resend
from engine.queries import patients, visits
from engine.queries.visits import DeliveryOfVisit, StoredVisit, VisitEvent

MAX_EVENTS = 60
MINUTE_MS = 60_000
MOVING = {Status.QUEUED, Status.SENDING}
ADDRESS = "/kunjungan/{visit:int}"
VisitId = Annotated[int, PathParameter(ge=1, le=MAX_INTEGER)]


@get(ADDRESS, opt={"right": Right.PANEL}, dependencies=OPENED)
async def visit_page(clinic: Opened, visit: VisitId, dikirim: Ids = "") -> Template:
    """Show the visit; `dikirim` are the deliveries that the person has just sent again."""
    return Template("visits/visit.html", context=await _context(clinic, visit, dikirim))


@get(f"{ADDRESS}/keadaan", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED)
async def visit_state(clinic: Opened, visit: VisitId, dikirim: Ids = "") -> Template:
    """Return the part of the page that changes while deliveries are being sent."""
    return Template("visits/visit_state.html", context=await _context(clinic, visit, dikirim))


@post(f"{ADDRESS}/kirim", opt={"right": Right.PANEL, "may": Permission.RESEND}, dependencies=OPENED)
async def send_lacking(
    request: Request[Any, Any, Any], clinic: Opened, person: NamedDependency[Person], visit: VisitId
) -> Redirect:
    """Send again what was refused or given up of the visit."""
    facility = clinic.facility
    await _opened(clinic, visit)
    rows = await visits.deliveries_of(clinic.hub.database, facility.id, [visit])
    ids = [row.id for row in rows if row.status == Status.FAILED]
    if ids:
        await resend(clinic.hub.database, facility.id, ids, person.name)
        for spec in {row.spec for row in rows if row.status == Status.FAILED}:
            clinic.hub.bell.ring(spec, facility.id)
    return Redirect(f"/kunjungan/{visit}?dikirim={','.join(map(str, ids))}", status_code=303)


async def _opened(clinic: OpenClinic, id_: int) -> StoredVisit:
    stored = await visits.visit(clinic.hub.database, clinic.facility.id, id_)
    if stored is None:
        raise NotFoundException(say("error.not_found"))
    return stored


async def _context(clinic: OpenClinic, id_: int, resent: str) -> dict[str, Any]:
    hub, facility, layout = clinic.hub, clinic.facility, clinic.layout
    stored = await _opened(clinic, id_)
    rows = await visits.deliveries_of(hub.database, facility.id, [id_])
    lacks = lacks_of(hub.catalog, layout, stored, hub.database.clock())
    norm = stored.patient_norm or ""
    ids = await patients.patient_ids(hub.database, facility.id, [norm] if norm else [])
    chosen = [row for row in rows if str(row.id) in resent.split(",")]
    failed = sum(1 for row in rows if row.status == Status.FAILED)
    return {
        "frame": layout,
        "visit": stored,
        "day": day(stored.day) if stored.day else "",
        "name": next((row.patient_name for row in rows if row.patient_name), None),
        "norm": norm,
        "patient": ids.get(norm),
        "cases": cases_of(hub.catalog, stored),
        "areas": _areas(clinic, rows, lacks, await _awaited(clinic, rows)),
        "lacks": lacks,
        "failed": failed,
        "no_send": _no_send(clinic, failed),
        "result": _result(chosen),
        "resent": resent,
        "moving": any(row.status in MOVING for row in rows) or stored.changes != stored.reviewed,
        **_timeline(clinic, rows, await visits.events_of(hub.database, id_, MAX_EVENTS)),
    }


def _no_send(clinic: OpenClinic, failed: int) -> str:
    """Return why nothing can be sent again, empty if something can."""
    if not clinic.layout.may(Permission.RESEND):
        return say("delivery.no.permission", permission=say(f"permission.{Permission.RESEND}"))
    return "" if failed else say("visit.nothing_to_send")


def _result(chosen: Sequence[DeliveryOfVisit]) -> dict[str, Any] | None:
    """Return the outcome of the deliveries that were sent again, in words; None if there are none."""
    if not chosen:
        return None
    n = {status: sum(1 for row in chosen if row.status == status) for status in Status}
    waiting = sum(n[status] for status in MOVING)
    values = {
        "n": len(chosen),
        "sent": n[Status.SENT],
        "waiting": waiting,
        "other": len(chosen) - n[Status.SENT] - waiting,
    }
    kind = "waiting" if waiting else "all" if n[Status.SENT] == len(chosen) else "some"
    return {"words": say(f"visit.result.{kind}", **values), "kind": kind}


async def _awaited(clinic: OpenClinic, rows: Sequence[DeliveryOfVisit]) -> dict[int, str]:
    """Return in words what each blocked delivery waits for."""
    catalog = clinic.hub.catalog
    words: dict[int, str] = {}
    blocked = [row.id for row in rows if row.status == Status.BLOCKED]
    for wait in await visits.waits_of(clinic.hub.database, blocked):
        labelled = catalog.specs.get(wait.spec) or catalog.items.get(wait.spec)
        label = localized(labelled.label) if labelled else wait.spec
        words.setdefault(wait.delivery_id, say("visit.waits", label=label, key=masked(wait.key)))
    return words


def _areas(
    clinic: OpenClinic, rows: Sequence[DeliveryOfVisit], lacks: Sequence[LackView], awaited: Mapping[int, str]
) -> list[list[dict[str, Any]]]:
    """Return the upstreams by area, each with its types: their deliveries, and what is lacking of them."""
    areas: dict[str, dict[str, dict[str, Any]]] = {}
    for name, spec in clinic.hub.catalog.specs.items():
        mine, missing = [row for row in rows if row.spec == name], [lack for lack in lacks if lack.spec == name]
        mark = mark_of(clinic.layout, spec, mine, missing)
        if mark is not None:
            upstream = spec.upstream
            area = areas.setdefault(localized(upstream.area or upstream.label), {})
            group = area.setdefault(
                upstream.name, {"name": upstream.name, "label": localized(upstream.label), "types": []}
            )
            views = [delivery_view(clinic.layout, spec, row) for row in mine]
            views = [{**view, "reason": awaited.get(view["id"], view["reason"])} for view in views]
            kind = {"label": localized(spec.label), "icon": spec.icon, "mark": mark, "rows": views, "lacks": missing}
            group["types"].append(kind)
    return [list(area.values()) for area in areas.values()]


def _timeline(clinic: OpenClinic, rows: Sequence[DeliveryOfVisit], events: Sequence[VisitEvent]) -> dict[str, Any]:
    """Return all that happened, newest first, each with the delivery that it is about."""
    by_id = {row.id: row for row in rows}
    lines = [_event(clinic, event, by_id[event.delivery_id]) for event in events if event.delivery_id in by_id]
    lines += _handed_in(clinic, rows)
    lines.sort(key=itemgetter("at"), reverse=True)
    shown = [{**line, "time": moment(line["at"], clinic.facility)} for line in lines[:MAX_EVENTS]]
    return {"events": shown, "earlier": max(0, len(lines) - MAX_EVENTS)}


def _handed_in(clinic: OpenClinic, rows: Sequence[DeliveryOfVisit]) -> Iterator[dict[str, Any]]:
    """Yield what was handed in, in one line for each minute."""
    minutes: dict[int, list[DeliveryOfVisit]] = {}
    for row in rows:
        minutes.setdefault(row.created_at // MINUTE_MS, []).append(row)
    for handed_in in minutes.values():
        labels = Counter(_label(clinic, row.spec) for row in handed_in)
        note = ", ".join(f"{label} ({n})" if n > 1 else label for label, n in labels.items())
        line = {"icon": "inbox", "kind": "", "type": "", "href": ""}
        yield {**line, "at": handed_in[0].created_at, "what": say("visit.handed_in", n=len(handed_in)), "note": note}


def _event(clinic: OpenClinic, event: VisitEvent, row: DeliveryOfVisit) -> dict[str, Any]:
    spec = clinic.hub.catalog.specs.get(row.spec)
    href = f"/integrasi/{spec.upstream.name}/{spec.name}/{row.id}" if spec else ""
    line = {"at": event.at, "type": _label(clinic, row.spec), "href": href}
    if event.actor:
        icon, what = ICONS.get(event.kind, "player-play"), describe_action(event.kind, event.actor)
        return {**line, "icon": icon, "kind": "", "what": what, "note": masked(event.message)}
    good = event.verdict == "accepted"
    what = " ".join(filter(None, (say(f"operation.{event.kind}"), say(f"verdict.{event.verdict}"), event.code)))
    icon, kind = ("check", "good") if good else ("x", "bad")
    return {**line, "icon": icon, "kind": kind, "what": what, "note": "" if good else masked(sentence(event.message))}


def _label(clinic: OpenClinic, name: str) -> str:
    spec = clinic.hub.catalog.specs.get(name)
    return localized(spec.label) if spec else name
