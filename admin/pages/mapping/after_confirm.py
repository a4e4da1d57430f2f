"""What is told after an item got its code, with what it left behind: deliveries that were sent with the old one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import text

from admin.http.access import Right
from admin.http.parameters import Id
from admin.pages.mapping.shared import MappingPage, item_of, mapping_page_of
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.database.database import as_json
from engine.hub import Hub
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.mapping import queries


async def done(desk: MappingPage, id_: int | None, released: int | None) -> dict[str, Any] | None:
    """The item that was dealt with last, and how many deliveries that let go."""
    row = await queries.one(*desk.place, id_) if id_ else None
    if row is None:
        return None
    return {**desk.shown(row), "released": released or 0, **await outdated(desk, row.id)}


async def outdated(desk: MappingPage, id_: int) -> dict[str, Any]:
    """How many deliveries were sent with another code, of how many the upstream takes no change, and who may send."""
    rows = await _sent_otherwise(desk, id_)
    return {
        "outdated": sum(_changeable(desk, row) for row in rows),
        "fixed": sum(not _changeable(desk, row) for row in rows),
        "may_resend": desk.layout.may(Permission.BULK),
    }


@post(
    "/pemetaan/{mapping:str}/{id_:int}/kirim-ulang",
    opt={"right": Right.PANEL, "may": Permission.BULK},
    include_in_schema=False,
)
async def resend_outdated(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    mapping: FromPath[str],
    id_: Id,
) -> Redirect:
    """Choose what was sent with another code for a job of one upstream; its page asks before anything is sent."""
    desk = await mapping_page_of(request, hub, mapping)
    row = await item_of(desk, id_)
    rows = [each for each in await _sent_otherwise(desk, id_) if _changeable(desk, each)]
    if not rows:
        raise NotFoundException(say("error.not_found"))
    upstream = Counter(each.upstream for each in rows).most_common(1)[0][0]
    job = await jobs.draft(
        hub.database,
        desk.facility.id,
        upstream,
        Action.REGENERATE,
        [each.id for each in rows],
        chosen={"mapping": desk.mapping.name, "item": id_, "name": row.name, "code": row.code},
        actor=person.name,
        order=jobs.in_order(hub.catalog.specs.values()),
    )
    return Redirect(f"/pekerjaan/{job}", status_code=303)


async def _sent_otherwise(desk: MappingPage, id_: int) -> Sequence[Any]:
    """The deliveries that were sent with another code than the item has now: id, spec, upstream."""
    ids = await queries.outdated(*desk.place, id_)
    wanted = desk.database.rows({"id": "bigint"}, "ids")
    query = f"SELECT d.id, d.spec, d.upstream FROM deliveries AS d JOIN {wanted} AS v ON v.id = d.id"
    return await desk.database.fetch(text(query), {"ids": as_json([[each] for each in ids])}) if ids else ()


def _changeable(desk: MappingPage, row: Any) -> bool:
    """Whether its upstream takes a change of what it has."""
    spec = desk.hub.catalog.specs.get(row.spec)
    return spec is not None and spec.update is not None
