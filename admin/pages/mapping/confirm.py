"""Confirm the code of an item, or remove it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from admin.http.access import Right
from admin.pages.mapping.candidates import look_up
from admin.pages.mapping.lists import next_of
from admin.pages.mapping.shared import OPENED_ITEM, TABS, MappingPage, OpenedItem, OpenedMapping
from admin.pages.shared.filters import Fields
from admin.people.permissions import Permission
from admin.people.users import Person
from engine.delivery.status import KEY_LENGTH
from engine.delivery.types import Channel
from engine.hub import Hub
from engine.mapping.confirm import Choice, confirm, remove

MAP = {"right": Right.PANEL, "may": Permission.MAP}


@post("/pemetaan/{mapping:str}/{id_:int}", opt=MAP, dependencies=OPENED_ITEM)
async def confirm_code(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    page: OpenedMapping,
    item: OpenedItem,
) -> Redirect:
    """Give the item its code and go on to the next; on a problem show it and change nothing."""
    id_, form = item.id, await request.form()
    code, tab = _field(form, "kode"), _field(form, "tab")
    if not code:
        return _back(page, id_, tab, code, "no_code")
    if (await look_up(page, code)).match is None:
        return _back(page, id_, tab, code, "unknown")
    differing = await hub.code_searches.differences(page.mapping, page.facility, [(id_, code)])
    if not {difference.part.name for difference in differing.get((id_, code), ())} <= set(form.getall("setuju", [])):
        return _back(page, id_, tab, code, "veto")
    further = await next_of(page, item, tab)
    result = await confirm(*page.place, [Choice(id_, code, _field(form, "dilihat") or None)], person.name)
    ring(hub, result.channels)
    if not result.done:
        return _back(page, id_, tab, code, "overtaken" if result.overtaken else "unknown")
    query = urlencode({"tab": tab if tab in TABS else "", "selesai": id_, "lepas": item.waiting})
    return Redirect(f"{page.home}{f'/{further}' if further else ''}?{query}", status_code=303)


@post("/pemetaan/{mapping:str}/{id_:int}/hapus", opt=MAP, dependencies=OPENED_ITEM)
async def remove_code(person: NamedDependency[Person], page: OpenedMapping, item: OpenedItem) -> Redirect:
    """Remove the code of an item, after its page has asked for confirmation."""
    await remove(*page.place, item.id, person.name)
    return Redirect(f"{page.home}?{urlencode({'tab': 'sudah', 'selesai': item.id})}", status_code=303)


def ring(hub: Hub, channels: Iterable[Channel]) -> None:
    """Ring the bell of the channels in which deliveries became due."""
    first = {spec.upstream.name: spec.name for spec in reversed(list(hub.catalog.specs.values()))}
    for channel in channels:
        if channel.upstream in first:
            hub.bell.ring(first[channel.upstream], channel.facility_id)


def _field(form: Fields, name: str) -> str:
    """Return a field without NUL, which PostgreSQL does not accept, and no longer than a key."""
    return str(form.getall(name, [""])[-1]).replace("\x00", "").strip()[:KEY_LENGTH]


def _back(page: MappingPage, id_: int, tab: str, code: str, message: str) -> Redirect:
    query = urlencode({"tab": tab, "kode": code, "pesan": message})
    return Redirect(f"{page.home}/{id_}?{query}", status_code=303)
