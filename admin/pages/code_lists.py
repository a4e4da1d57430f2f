"""The copies of an upstream's code lists: what is in them, how old they are, and reading them anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.language import back
from admin.http.parameters import Text
from admin.pages.shared.areas import area_of
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.code_lists import copies
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.specs.code_list import CodeList

SIZE = 50
"""Rows of a page."""


@get("/referensi", opt={"right": Right.PANEL}, include_in_schema=False)
async def lists_page(hub: NamedDependency[Hub]) -> Redirect:
    """The first list; without one there is nothing to show."""
    if not hub.catalog.code_lists:
        raise NotFoundException(say("error.not_found"))
    return Redirect(f"/referensi/{next(iter(hub.catalog.code_lists))}")


@get("/referensi/{name:str}", opt={"right": Right.PANEL}, include_in_schema=False)
async def list_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], name: FromPath[str], q: Text = "", after: Text = ""
) -> Template:
    """A list with its columns, searched by any of its words."""
    code_list = _list(hub, name)
    layout = await layout_for(request, code_list.upstream.name)
    found = copies.RowPage([], None)
    if layout.facility is not None:
        found = await copies.search(hub.database, code_list.owner(layout.facility.id), name, q.strip(), after, SIZE)
    context = {
        **await state_of(hub, layout, code_list),
        "groups": _groups(hub),
        "q": q.strip(),
        "rows": [_row(code_list, layout.facility, row) for row in found.rows],
        "first_link": f"?{urlencode({'q': q})}" if after else None,
        "next_link": f"?{urlencode({'q': q, 'after': found.next})}" if found.next else None,
    }
    return Template("code_lists/list.html", context=context)


@get("/referensi/{name:str}/status", opt={"right": Right.PANEL, "live": True}, include_in_schema=False)
async def list_state(request: Request[Any, Any, Any], hub: NamedDependency[Hub], name: FromPath[str]) -> Template:
    """How far its reading is; the page asks for it while one runs."""
    code_list = _list(hub, name)
    layout = await layout_for(request, code_list.upstream.name)
    return Template("code_lists/state.html", context=await state_of(hub, layout, code_list))


@post("/referensi/{name:str}", opt={"right": Right.PANEL, "may": Permission.SYNC}, include_in_schema=False)
async def read_list(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], name: FromPath[str]
) -> Redirect:
    """Ask for it to be read; asked twice it is read once. Back to the mapping that asked, or to the list."""
    code_list = _list(hub, name)
    layout = await layout_for(request, code_list.upstream.name)
    if layout.facility is not None:
        await copies.ask(hub.database, code_list, layout.facility.id, person.name)
    page = back(request.headers.get("referer", ""))
    return Redirect(page if page.startswith("/pemetaan/") else f"/referensi/{name}", status_code=303)


def _list(hub: Hub, name: str) -> CodeList:
    code_list = hub.catalog.code_lists.get(name)
    if code_list is None:
        raise NotFoundException(say("error.not_found"))
    return code_list


def _groups(hub: Hub) -> dict[str, list[CodeList]]:
    """The lists by the tab they stand under."""
    groups: dict[str, list[CodeList]] = {}
    for code_list in hub.catalog.code_lists.values():
        groups.setdefault(code_list.group, []).append(code_list)
    return groups


async def state_of(hub: Hub, layout: Layout, code_list: CodeList) -> dict[str, Any]:
    """Return the context of code_lists/state.html."""
    facility = layout.facility
    newest = (await copies.latest(hub.database, facility.id)).get(code_list.name) if facility else None
    return {
        "frame": layout,
        "list": code_list,
        "newest": newest,
        "began": moment(newest.started_at, facility) if newest and facility else None,
        "ended": moment(newest.ended_at, facility) if newest and facility else None,
        "again": moment(newest.retry_at, facility) if newest and facility else None,
        "may_read": layout.may(Permission.SYNC),
        "area": area_of(hub, layout),
    }


def _row(code_list: CodeList, facility: FacilityRow | None, row: Any) -> dict[str, Any]:
    content = orjson.loads(row.content)
    cells = [content.get(column.name) for column in code_list.visible]
    return {
        "cells": ["–" if cell in (None, "") else cell for cell in cells],
        "gone": moment(row.gone_at, facility) if facility else None,
    }
