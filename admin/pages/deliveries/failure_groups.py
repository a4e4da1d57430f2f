"""*Kelompok masalah*: failures grouped by cause, each with its remedy and the role that applies it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Right
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.pages.shared.waiting_items import explain_missing_code
from admin.people.permissions import Permission
from admin.text.masking import masked
from admin.text.words import localized, say, sentence
from engine.delivery.causes import ANY_OF, CauseKind, parse_cause
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries import failure_groups
from engine.queries.failure_groups import Group


@get("/integrasi/{upstream:str}/masalah", opt={"right": Right.PANEL})
async def all_problems(request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str]) -> Template:
    """Show the groups of all types of an upstream."""
    layout = await layout_for(request, upstream)
    specs = [spec.name for spec in hub.catalog.specs.values() if spec.upstream.name == upstream]
    return Template("deliveries/failure_groups.html", context=await _context(hub, layout, specs))


@get("/integrasi/{upstream:str}/{spec:str}/masalah", opt={"right": Right.PANEL}, dependencies=OPENED_TYPE)
async def type_problems(hub: NamedDependency[Hub], opened_type: OpenedType) -> Template:
    """Show the groups of one type, as a tab of its page."""
    entry = opened_type.entry
    context = await _context(hub, opened_type.layout, [entry.name])
    return Template("deliveries/failure_groups.html", context={**context, "spec": entry})


async def _context(hub: Hub, layout: Layout, specs: list[str]) -> dict[str, Any]:
    facility = layout.facility
    largest = await failure_groups.groups(hub.database, facility.id, specs) if facility else []
    groups = [_group_view(hub, layout, facility, group) for group in largest if facility]
    return {
        "frame": layout,
        "spec": None,
        "groups": sorted(groups, key=lambda group: group["waits"]),
        "failures": sum(group["n"] for group in groups),
        "most": failure_groups.MAX_GROUPS if len(largest) == failure_groups.MAX_GROUPS else None,
        "may_bulk": layout.may(Permission.BULK),
    }


def _group_view(hub: Hub, layout: Layout, facility: FacilityRow, group: Group) -> dict[str, Any]:
    kind, code, _ = parse_cause(group.cause)
    address = f"/integrasi/{layout.upstream.name}/{group.spec}"
    waits = kind == CauseKind.BLOCKED
    mapping = hub.catalog.items.get(code) if waits else None
    return {
        "told": explain_missing_code(mapping) if mapping else explain(group.cause, layout.upstream),
        "mapping": mapping,
        "label": hub.catalog.specs[group.spec].label,
        "needed": any_of(hub, code.split(ANY_OF)) if waits and not mapping else "",
        "code": "" if waits else code,
        "waits": waits,
        "cause": group.cause,
        "n": group.n,
        "patients": group.patients,
        "first": moment(group.first, facility),
        "last": moment(group.last, facility),
        "sample": masked(sentence(group.sample)),
        "list": f"{address}?{urlencode({'cause': group.cause})}",
        "bulk": f"{address}/massal",
    }


def any_of(hub: Hub, specs: Sequence[str]) -> str:
    """Return the labels of alternative types, e.g. *Observasi atau Hasil laboratorium*."""
    labels = [localized(hub.catalog.specs[name].label) if name in hub.catalog.specs else name for name in specs]
    return reduce(lambda labels_, label: say("delivery.any_of", one=labels_, other=label), labels)
