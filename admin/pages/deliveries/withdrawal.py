"""*Tarik*: take back a record that was handed in by mistake, after telling what depends on it; or undo that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.pages.deliveries.actions import back, reason_of
from admin.pages.deliveries.opened import OPENED, OpenDelivery, Opened
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub
from engine.json_text import short_hash
from engine.outbox.withdrawal.withdraw import WithdrawalResult, reinstate, withdraw
from engine.queries.dependents import DependentDelivery, Dependents, dependents_of

OPT = {"right": Right.PANEL, "may": Permission.EDIT}
MAX_NAMES = 8  # of the dependents of one type that are listed; the others are counted


@get("/integrasi/{upstream:str}/{spec:str}/{id_:int}/tarik", opt=OPT, dependencies=OPENED)
async def withdrawal_page(request: Request[Any, Any, Any], opened: Opened) -> Template:
    """Show what a withdrawal does and what depends on the record: as a page, or in the drawer when htmx asks."""
    return await _page(request, opened, await _dependents(opened))


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/tarik", opt=OPT, dependencies=OPENED, status_code=200)
async def withdraw_delivery(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Template | Redirect:
    """Withdraw the record, and what depends on it if the person says so and has seen all of it."""
    reason, along = reason_of(data), data.get("along") == "yes"
    if opened.row.withdrawn_at is not None:
        return back(opened, _told(WithdrawalResult.ALREADY, "withdrawn"))
    if refusal := opened.no_withdrawal():
        return await _page(request, opened, await _dependents(opened), refusal=refusal)
    dependents = await _dependents(opened)
    if not reason:
        return await _page(request, opened, dependents, refusal=say("told.reason_missing"), along=along)
    if along and data.get("seen") != _seen(opened, dependents):
        return await _page(request, opened, dependents, refusal=say("withdrawal.changed"), along=along, reason=reason)
    ids = [one.id for one in dependents.withdrawable(opened.hub.catalog.specs)] if along else []
    facility_id, id_ = opened.facility.id, opened.row.id
    waiting = [one.id for one in dependents.unsent]
    results = await withdraw(
        hub.database, hub.catalog.specs, facility_id, [id_], person.name, reason=reason, dependents=ids, waiting=waiting
    )
    hub.bell.ring(opened.entry.name, facility_id)
    return back(opened, _told(results[id_], "withdrawn_along" if ids else "withdrawn"))


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/tarik/batal", opt=OPT, dependencies=OPENED)
async def reinstate_delivery(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect:
    """Undo a withdrawal by a person, with a reason."""
    reason = reason_of(data)
    if not reason:
        return back(opened, "reason_missing")
    facility_id = opened.facility.id
    result = await reinstate(hub.database, hub.catalog.specs, facility_id, opened.row.id, person.name, reason=reason)
    hub.bell.ring(opened.entry.name, facility_id)
    return back(opened, _told(result, "reinstated"))


def _told(result: WithdrawalResult, done: str) -> str:
    return done if result is WithdrawalResult.DONE else f"not_{done.removesuffix('_along')}"


async def _dependents(opened: OpenDelivery) -> Dependents:
    row = opened.row
    target = (opened.entry.name, row.key)
    return await dependents_of(opened.hub.database, opened.hub.catalog.specs, opened.facility, target, row.patient_norm)


def _seen(opened: OpenDelivery, dependents: Dependents) -> str:
    """Return a text that changes with the set of deliveries that would be withdrawn along."""
    return short_hash(sorted(one.id for one in dependents.withdrawable(opened.hub.catalog.specs)))


def _by_type(opened: OpenDelivery, deliveries: Sequence[DependentDelivery]) -> list[dict[str, Any]]:
    """Return the deliveries by type, with the names of the first ones and the number of the others."""
    keys: dict[str, list[str]] = {}
    for one in sorted(deliveries):
        keys.setdefault(one.spec, []).append(one.key)
    label = opened.hub.catalog.specs
    return [
        {
            "label": label[name].label,
            "n": len(names),
            "names": names[:MAX_NAMES],
            "more": max(0, len(names) - MAX_NAMES),
        }
        for name, names in keys.items()
    ]


async def _page(
    request: Request[Any, Any, Any],
    opened: OpenDelivery,
    dependents: Dependents,
    *,
    refusal: str = "",
    along: bool = False,
    reason: str = "",
) -> Template:
    withdrawable = dependents.withdrawable(opened.hub.catalog.specs)
    staying = [one for one in dependents.sent if one not in withdrawable]
    is_partial = "hx-request" in request.headers
    return Template(
        "deliveries/withdrawal_form.html" if is_partial else "deliveries/withdrawal.html",
        context={
            **await opened.context(""),
            "drawer": is_partial,
            "refusal": refusal or opened.no_withdrawal(),
            "withdrawable": _by_type(opened, withdrawable),
            "staying": _by_type(opened, staying),
            "unsent": _by_type(opened, dependents.unsent),
            "complete": dependents.complete,
            "of_patient": dependents.of_patient,
            "was_sent": opened.row.reference is not None,
            "seen": _seen(opened, dependents),
            "along": along,
            "reason": reason,
        },
    )
