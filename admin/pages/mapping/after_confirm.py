"""Message after an item got its code, and resending of the deliveries that were sent with its old code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from admin.http.access import Right
from admin.pages.mapping.shared import OPENED_ITEM, MappingPage, OpenedItem, OpenedMapping
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.mapping import queries
from engine.queries.deliveries import TypedDelivery, with_types


async def done(page: MappingPage, id_: int | None, released: int | None) -> dict[str, Any] | None:
    """Return the item that was confirmed last, and the number of deliveries that its code released."""
    row = await queries.one(*page.place, id_) if id_ else None
    if row is None:
        return None
    return {**page.item_view(row), "released": released or 0, **await outdated(page, row.id)}


async def outdated(page: MappingPage, id_: int) -> dict[str, Any]:
    """Count deliveries sent with another code, by whether they can be updated; add if the person may resend them."""
    deliveries = await _sent_with_another_code(page, id_)
    return {
        "outdated": sum(_changeable(page, delivery) for delivery in deliveries),
        "fixed": sum(not _changeable(page, delivery) for delivery in deliveries),
        "may_resend": page.layout.may(Permission.BULK),
    }


@post(
    "/pemetaan/{mapping:str}/{id_:int}/kirim-ulang",
    opt={"right": Right.PANEL, "may": Permission.BULK},
    dependencies=OPENED_ITEM,
)
async def resend_outdated(
    hub: NamedDependency[Hub], person: NamedDependency[Person], page: OpenedMapping, item: OpenedItem
) -> Redirect:
    """Draft a job of one upstream with what was sent with another code; its page asks before anything is sent."""
    sent = await _sent_with_another_code(page, item.id)
    deliveries = [delivery for delivery in sent if _changeable(page, delivery)]
    if not deliveries:
        raise NotFoundException(say("error.not_found"))
    upstream = Counter(delivery.upstream for delivery in deliveries).most_common(1)[0][0]
    job = await jobs.draft(
        hub.database,
        page.facility.id,
        upstream,
        Action.REGENERATE,
        [delivery.id for delivery in deliveries],
        chosen={"mapping": page.mapping.name, "item": item.id, "name": item.name, "code": item.code},
        actor=person.name,
        order=jobs.in_order(hub.catalog.specs.values()),
    )
    return Redirect(f"/pekerjaan/{job}", status_code=303)


async def _sent_with_another_code(page: MappingPage, id_: int) -> Sequence[TypedDelivery]:
    """Return the deliveries that were sent with another code than the item has now."""
    return await with_types(page.database, await queries.outdated(*page.place, id_))


def _changeable(page: MappingPage, delivery: TypedDelivery) -> bool:
    """Return whether the upstream accepts an update of the delivery."""
    spec = page.hub.catalog.specs.get(delivery.spec)
    return spec is not None and spec.update is not None
