"""The lists of a mapping: what has no code yet, what is to be looked at again, what has one."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Number, Text
from admin.pages import code_lists
from admin.pages.mapping.after_confirm import done
from admin.pages.mapping.shared import TABS, MappingPage, mapping_page_of
from engine.hub import Hub
from engine.mapping import queries

SIZE = 50
"""Items of a page."""

After = Annotated[str, QueryParameter(pattern=r"^(\d{1,9}\.\d{1,15})?$")]
"""How many wait for the last item of the page before, and its id."""


@get("/pemetaan/{mapping:str}", opt={"right": Right.PANEL}, include_in_schema=False)
async def mapping_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    mapping: FromPath[str],
    tab: FromQuery[str] = "",
    q: Text = "",
    after: After = "",
    selesai: Number = None,
    lepas: Number = None,
) -> Template:
    """One of the three lists; those first for which most deliveries wait."""
    desk = await mapping_page_of(request, hub, mapping)
    tab, words = tab if tab in TABS else next(iter(TABS)), q.strip()
    found = await queries.page(*desk.place, TABS[tab], words, _place(after), SIZE)
    context = {
        **await code_lists.state_of(hub, desk.layout, desk.mapping.catalogue.list),
        **desk.context,
        "counts": await queries.counts(*desk.place),
        "tab": tab,
        "q": words,
        "items": [desk.shown(row) for row in found.rows],
        "done": await done(desk, selesai, lepas),
        "first_link": f"?{_query(tab=tab, q=words)}" if after else None,
        "next_link": f"?{_query(tab=tab, q=words, after='.'.join(map(str, found.next)))}" if found.next else None,
    }
    return Template("mapping/lists.html", context=context)


@get("/pemetaan/{mapping:str}/angka", opt={"right": Right.PANEL, "live": True}, include_in_schema=False)
async def figures(request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str]) -> Template:
    """The cards anew; the page asks for them while it is looked at."""
    desk = await mapping_page_of(request, hub, mapping)
    context: dict[str, Any] = {**desk.context, "counts": await queries.counts(*desk.place)}
    return Template("mapping/figures.html", context=context)


async def next_of(desk: MappingPage, row: Any, tab: str) -> int | None:
    """The item to go on with: the one behind it in the list of the tab, or the first of that list."""
    state = TABS.get(tab, queries.UNMAPPED)
    behind = await queries.page(*desk.place, state, after=(row.waiting, row.id), size=1)
    if behind.rows:
        return int(behind.rows[0].id)
    return await queries.following(*desk.place, state, row.id)


def _place(after: str) -> tuple[int, int] | None:
    waiting, _, id_ = after.partition(".")
    return (int(waiting), int(id_)) if id_ else None


def _query(**fields: str) -> str:
    return urlencode({name: value for name, value in fields.items() if value})
