"""Message after an item got its code, and resending of the deliveries that were sent with its old code."""

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


async def done(page: MappingPage, id_: int | None, released: int | None) -> dict[str, Any] | None:
    """Return the item that was confirmed last, and the number of deliveries that its code released."""
    row = await queries.one(*page.place, id_) if id_ else None
    if row is None:
        return None
    return {**page.item_view(row), "released": released or 0, **await outdated(page, row.id)}


async def outdated(page: MappingPage, id_: int) -> dict[str, Any]:
    """Count deliveries sent with another code, by whether they can be updated; add if the person may resend them."""
    rows = await _sent_with_another_code(page, id_)
    return {
        "outdated": sum(_changeable(page, row) for row in rows),
        "fixed": sum(not _changeable(page, row) for row in rows),
        "may_resend": page.layout.may(Permission.BULK),
    }


@post(
    "/pemetaan/{mapping:str}/{id_:int}/kirim-ulang",
    opt={"right": Right.PANEL, "may": Permission.BULK},
)
async def resend_outdated(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    mapping: FromPath[str],
    id_: Id,
) -> Redirect:
    """Draft a job of one upstream with what was sent with another code; its page asks before anything is sent."""
    page = await mapping_page_of(request, hub, mapping)
    item = await item_of(page, id_)
    rows = [row for row in await _sent_with_another_code(page, id_) if _changeable(page, row)]
    if not rows:
        raise NotFoundException(say("error.not_found"))
    upstream = Counter(row.upstream for row in rows).most_common(1)[0][0]
    job = await jobs.draft(
        hub.database,
        page.facility.id,
        upstream,
        Action.REGENERATE,
        [row.id for row in rows],
        chosen={"mapping": page.mapping.name, "item": id_, "name": item.name, "code": item.code},
        actor=person.name,
        order=jobs.in_order(hub.catalog.specs.values()),
    )
    return Redirect(f"/pekerjaan/{job}", status_code=303)


async def _sent_with_another_code(page: MappingPage, id_: int) -> Sequence[Any]:
    """Return the deliveries that were sent with another code than the item has now: id, spec, upstream."""
    ids = await queries.outdated(*page.place, id_)
    values = page.database.rows({"id": "bigint"}, "ids")
    query = f"SELECT d.id, d.spec, d.upstream FROM deliveries AS d JOIN {values} AS v ON v.id = d.id"
    return (
        await page.database.fetch(text(query), {"ids": as_json([[delivery_id] for delivery_id in ids])}) if ids else ()
    )


def _changeable(page: MappingPage, row: Any) -> bool:
    """Return whether the upstream accepts an update of the delivery."""
    spec = page.hub.catalog.specs.get(row.spec)
    return spec is not None and spec.update is not None
