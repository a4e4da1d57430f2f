"""Copies of an upstream's code lists: their rows, their age, and reading them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.language import back
from admin.http.parameters import Text
from admin.pages.shared.areas import area_of
from admin.pages.shared.formatting import moment, value_text
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.code_lists import copies, synchronisations
from engine.code_lists.copies import CopyRow
from engine.code_lists.cost import cost_of
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.specs.code_list import CodeList

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class OpenList:
    """A code list, with the layout of its upstream."""

    code_list: CodeList
    layout: Layout


async def _open_list(request: Request[Any, Any, Any], hub: NamedDependency[Hub], name: FromPath[str]) -> OpenList:
    """Return the list, or the first list of the upstream of that name; raise 404 if the catalog has neither."""
    lists = hub.catalog.code_lists
    code_list = lists.get(name) or next((each for each in lists.values() if each.upstream.name == name), None)
    if code_list is None:
        raise NotFoundException(say("error.not_found"))
    return OpenList(code_list, await layout_for(request, code_list.upstream.name))


# Dependency of handlers whose path names a list. Litestar must not validate it: it would copy the dataclass.
Opened = NamedDependency[SkipValidation[OpenList]]
OPENED = {"opened": Provide(_open_list)}


@get("/referensi", opt={"right": Right.PANEL})
async def lists_page(hub: NamedDependency[Hub]) -> Redirect:
    """Redirect to the first list; raise 404 if there is none."""
    if not hub.catalog.code_lists:
        raise NotFoundException(say("error.not_found"))
    return Redirect(f"/referensi/{next(iter(hub.catalog.code_lists))}")


@get("/referensi/{name:str}", opt={"right": Right.PANEL}, dependencies=OPENED)
async def list_page(hub: NamedDependency[Hub], opened: Opened, q: Text = "", after: Text = "") -> Template:
    """Show a list with its columns, searchable by any of its words."""
    code_list, layout = opened.code_list, opened.layout
    page = copies.RowPage([], None)
    if layout.facility is not None:
        owner = code_list.owner(layout.facility.id)
        page = await copies.search(hub.database, owner, code_list.name, q.strip(), after, PAGE_SIZE, code_list.order)
    context = {
        **await state_of(hub, layout, code_list),
        "members": [each for each in hub.catalog.code_lists.values() if each.group == code_list.group],
        "mapping": next((m for m in hub.catalog.mappings.values() if m.catalogue.list.name == code_list.name), None),
        "q": q.strip(),
        "rows": [_row(code_list, layout.facility, row) for row in page.rows],
        "first_link": f"?{urlencode({'q': q})}" if after else None,
        "next_link": f"?{urlencode({'q': q, 'after': page.next})}" if page.next else None,
    }
    return Template("code_lists/list.html", context=context)


@get("/referensi/{name:str}/status", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED)
async def list_state(hub: NamedDependency[Hub], opened: Opened) -> Template:
    """Return the progress of reading the list; the page polls it while the list is being read."""
    return Template("code_lists/state.html", context=await state_of(hub, opened.layout, opened.code_list))


@post("/referensi/{name:str}", opt={"right": Right.PANEL, "may": Permission.SYNC}, dependencies=OPENED)
async def read_list(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened
) -> Redirect:
    """Request that the list is read (once, however often requested); go back to the mapping, or to the list."""
    if opened.layout.facility is not None:
        await synchronisations.ask(hub.database, opened.code_list, opened.layout.facility.id, person.name)
    page = back(request.headers.get("referer", ""))
    return Redirect(page if page.startswith("/pemetaan/") else f"/referensi/{opened.code_list.name}", status_code=303)


async def state_of(hub: Hub, layout: Layout, code_list: CodeList) -> dict[str, Any]:
    """Return the context of code_lists/state.html."""
    facility = layout.facility
    reads = await synchronisations.latest(hub.database, facility.id) if facility else {}
    newest, lists = reads.get(code_list.name), hub.catalog.code_lists
    has_copy = facility is not None and await _has_copy(hub, code_list, facility)
    return {
        "frame": layout,
        "list": code_list,
        "newest": newest,
        "has_copy": has_copy,
        "began": moment(newest.started_at, facility) if newest and facility else None,
        "ended": moment(newest.ended_at, facility) if newest and facility else None,
        "again": moment(newest.retry_at, facility) if newest and facility else None,
        "cost": await cost_of(hub.database, lists, code_list, facility.id, reads) if facility else None,
        "may_read": layout.may(Permission.SYNC),
        "area": area_of(hub, layout),
    }


async def _has_copy(hub: Hub, code_list: CodeList, facility: FacilityRow) -> bool:
    owner = code_list.owner(facility.id)
    return bool((await copies.search(hub.database, owner, code_list.name, "", "", 1, code_list.order)).rows)


def _row(code_list: CodeList, facility: FacilityRow | None, row: CopyRow) -> dict[str, Any]:
    content = orjson.loads(row.content)
    cells = [(column.word(value := content.get(column.name)) or value_text(value)) for column in code_list.listed]
    return {
        "cells": cells,
        "gone": moment(row.gone_at, facility) if facility else None,
    }
