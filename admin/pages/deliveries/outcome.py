"""Outcome of one delivery: a sentence about its present state, and whether the page should poll for the next."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from admin.http.access import Right
from admin.http.parameters import Id, Text
from admin.pages.deliveries.opened import OpenDelivery
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import moment, paused
from admin.pages.shared.waiting_items import items_awaited_by
from admin.people.users import Person
from admin.text.words import localized, say, sentence
from engine.database.rows import DeliveryRow
from engine.delivery.causes import FOREIGN, parse_cause
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries import deliveries
from engine.queries.deliveries import DeliveryState

REFUSED_KINDS = {"rejected", "duplicate"}  # kinds of cause with which the upstream refused the request


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """State of a delivery in words, with `status` for the colour; `note` is the upstream's own answer."""

    status: str
    icon: str
    words: str
    note: str
    mark: str  # changes whenever the words may change
    moving: bool  # something will happen by itself, sooner or later
    paused: bool = False  # a pause keeps it

    @property
    def soon(self) -> bool:
        """Return whether that is the next thing to happen."""
        return self.status in (Status.QUEUED, Status.SENDING) and not self.paused


@get(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}/keadaan",
    opt={"right": Right.PANEL, "live": True},
)
async def state(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    mark: Text = "",
) -> Response[str]:
    """Answer 200 if the delivery changed since the page showed it, else 204; only a few look-ups by primary key."""
    row = await deliveries.state(hub.database, id_)
    if row is None or row.spec != spec or person.facility_id not in (None, row.facility_id):
        raise NotFoundException(say("error.not_found"))
    return Response("", status_code=204 if mark == state_mark(row) else 200)


def state_mark(row: DeliveryState) -> str:
    """Return everything that the words of an outcome depend on, joined by dots."""
    facts = (row.status, row.version, row.tries, row.due_at, row.settled_at, row.held_until, row.closed, row.pause)
    return ".".join("" if fact is None else str(fact) for fact in facts)


async def outcome_of(opened: OpenDelivery, *, resent: bool) -> OutcomeView:
    """Return the outcome; with `resent` it is phrased as the answer to a resend that was just requested."""
    row, layout = opened.row, opened.layout
    now = await deliveries.state(opened.hub.database, row.id)
    is_held = now is not None and now.held_until is not None and row.status == Status.FAILED
    if is_held:
        words, note = say("outcome.held"), ""
    else:
        words, note = await _in_words(opened, now.closed if now else None, resent=resent)
    status = Status.QUEUED if is_held else Status(row.status)
    moving = is_held or status in _ON_ITS_WAY or (status is Status.UNSURE and row.due_at is not None)
    kept = not is_held and bool(paused(opened.entry, layout, row))
    icon = "player-pause" if kept else layout.icon(status)
    return OutcomeView(status, icon, words, opened.hide(note), _shown_mark(row, now), moving, kept)


def _shown_mark(row: DeliveryRow, now: DeliveryState | None) -> str:
    """Return the mark of the row that the words tell of: it may have moved until `now` was read."""
    if now is None:
        return ""
    shown = now._replace(
        status=row.status, version=row.version, tries=row.tries, due_at=row.due_at, settled_at=row.settled_at
    )
    return state_mark(shown)


_ON_ITS_WAY = {Status.QUEUED, Status.SENDING, Status.RETRYING, Status.BLOCKED}


async def _in_words(opened: OpenDelivery, closed: str | None, *, resent: bool) -> tuple[str, str]:
    row, upstream = opened.row, opened.layout.upstream
    problem = sentence(row.problem)
    if kept := paused(opened.entry, opened.layout, row):
        return say("outcome.paused", why=kept.rstrip(".")), problem if row.status != Status.QUEUED else ""
    match Status(row.status):
        case Status.SENDING:
            return say("outcome.sending", upstream=upstream.label), ""
        case Status.QUEUED:
            return _queued(opened, closed, resent=resent), ""
        case Status.SENT:
            return _sent(opened), ""
        case Status.FAILED:
            return _failed(opened), problem
        case Status.RETRYING:
            time, most = _clock(opened, row.due_at), opened.entry.retry.attempts
            return say("outcome.retrying", time=time, n=row.tries, most=most), problem
        case Status.UNSURE if row.due_at is not None:
            return say("outcome.unsure.due", upstream=upstream.label, time=_clock(opened, row.due_at)), problem
        case Status.UNSURE:
            return say("outcome.unsure", upstream=upstream.label), problem
        case Status.BLOCKED:
            return problem or await _blocked(opened), ""
        case Status.IGNORED if row.cause == FOREIGN:
            return say("outcome.foreign", upstream=upstream.label, time=_clock(opened, row.settled_at)), problem
        case Status.IGNORED:
            return say("outcome.ignored", time=_clock(opened, row.settled_at)), problem


def _queued(opened: OpenDelivery, closed: str | None, *, resent: bool) -> str:
    """Return why a queued delivery waits."""
    if closed is not None:
        return say("outcome.closed", why=say(f"strip.upstream.{closed}", upstream=opened.layout.upstream.label))
    if not opened.layout.status_line["workers"]:
        return say("outcome.no_workers")
    return say("outcome.queued.resent" if resent else "outcome.queued")


def _sent(opened: OpenDelivery) -> str:
    time = _clock(opened, opened.row.settled_at)
    reference = opened.row.reference
    if opened.row.withdrawn_at is not None:
        return say("outcome.withdrawn", time=time, upstream=opened.layout.upstream.label)
    return say("outcome.sent.as", time=time, reference=reference) if reference else say("outcome.sent", time=time)


def _failed(opened: OpenDelivery) -> str:
    row, upstream = opened.row, opened.layout.upstream
    cause = row.cause or ""
    key = "refused" if parse_cause(cause)[0] in REFUSED_KINDS else "failed"
    before = opened.detail.attempts[1:2]
    again = ".again" if before and before[0].verdict in REFUSED_KINDS and key == "refused" else ""
    title = explain(cause, upstream, opened.entry.name).title
    words = say(f"outcome.{key}{again}", time=_clock(opened, row.settled_at), cause=title)
    kept = opened.entry.operation_for(row.reference) == "update"
    return f"{words} {say('outcome.kept', upstream=upstream.label)}" if kept else words


async def _blocked(opened: OpenDelivery) -> str:
    items = (await items_awaited_by(opened.hub, [opened.row.id])).get(opened.row.id, [])
    if items:
        return say("outcome.blocked.held", name=items[0].name, why=items[0].words)
    waits = [wait for wait in opened.detail.waits_for if wait.spec not in opened.hub.catalog.items]
    if not waits:
        return say("outcome.blocked")
    spec = opened.hub.catalog.specs.get(waits[0].spec)
    what = f"{localized(spec.label) if spec else waits[0].spec} {waits[0].key}"
    if len(waits) > 1:
        return say("outcome.blocked.more", what=what, n=len(waits) - 1)
    return say("outcome.blocked.by", what=what)


def _clock(opened: OpenDelivery, at: int | None) -> str:
    """Return the time of day in the facility's zone, with its date if that is not today."""
    return clock(at, opened.facility, opened.hub.database.clock())


def clock(at: int | None, facility: FacilityRow, now: int) -> str:
    """Return a time (epoch milliseconds) as 23.23.39 on the day of `now`, else with its date."""
    when, today = moment(at, facility), moment(now, facility)
    if when is None or today is None:
        return "–"
    return when.clock if when.day == today.day else f"{when.day} {when.clock}"
