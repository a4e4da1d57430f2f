"""*Aturan nilai*: the rules that replace values of a clinic's records, with their uses, and their end by a person."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from admin.http.access import Right, demand
from admin.http.parameters import Id
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.values import field_labels, shown_value
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized, number, say
from engine.hub import Hub
from engine.identifiers import masked
from engine.value_rules import store
from engine.value_rules.store import ListedRule

PAGE = "/masalah/aturan"
ENDED = "ended"
BULK = {"right": Right.PANEL, "may": Permission.BULK}


@get(PAGE, opt={"right": Right.PANEL})
async def rules_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub], told: FromQuery[str] = "") -> Template:
    """List the rules of the facility, those in force first."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    rules = await store.listed(hub.database, layout.facility.id) if layout.facility is not None else []
    context = {
        "frame": layout,
        "rules": [_row(hub, layout, rule) for rule in rules],
        "told": told if told in {ENDED, "late"} else "",
        "may_end": layout.may(Permission.BULK) and layout.may(Permission.EDIT),
    }
    return Template("problems/rules.html", context=context)


@post("/masalah/aturan/{id_:int}/hapus", opt=BULK)
async def end_rule(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], id_: Id
) -> Redirect:
    """End a rule; what was sent with it stays sent."""
    await demand(hub, person, Permission.EDIT)
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    ended = await store.end_rule(hub.database, layout.facility.id, id_, person.name, "")
    return Redirect(f"{PAGE}?told={ENDED if ended else 'late'}", status_code=303)


def _row(hub: Hub, layout: Layout, rule: ListedRule) -> dict[str, Any]:
    facility: Any = layout.facility
    spec = hub.catalog.specs.get(rule.spec)
    used_at = moment(rule.used_at, facility)
    return {
        "id": rule.id,
        "label": localized(spec.label) if spec else rule.spec,
        "field": field_labels(spec).get(rule.place, rule.place) if spec else rule.place,
        "old": masked(shown_value(rule.old)),
        "new": masked(shown_value(rule.new)),
        "actor": rule.actor,
        "reason": rule.reason,
        "job": rule.job_id,
        "created": moment(rule.created_at, facility),
        "uses": say("rule.uses", n=number(rule.uses), at=used_at.short) if used_at else say("rule.unused"),
        "mended": moment(rule.mended_at, facility),
        "ended": moment(rule.ended_at, facility),
        "ended_by": rule.ended_by,
    }
