"""Lists of a mapping: items without a code, items to review, and items with a code."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Number, Text
from admin.pages import code_lists
from admin.pages.mapping.after_confirm import done
from admin.pages.mapping.shared import OPENED_MAPPING, TABS, MappingPage, OpenedMapping
from engine.hub import Hub
from engine.mapping import queries
from engine.mapping.queries import ListedItem

PAGE_SIZE = 50

# Number of deliveries that wait for the last item of the previous page, and the id of that item.
After = Annotated[str, QueryParameter(pattern=r"^(\d{1,9}\.\d{1,15})?$")]


@get("/pemetaan/{mapping:str}", opt={"right": Right.PANEL}, dependencies=OPENED_MAPPING)
async def mapping_page(
    hub: NamedDependency[Hub],
    page: OpenedMapping,
    tab: FromQuery[str] = "",
    q: Text = "",
    after: After = "",
    selesai: Number = None,
    lepas: Number = None,
) -> Template:
    """Show one of the three lists; items for which most deliveries wait come first."""
    tab, words = tab if tab in TABS else next(iter(TABS)), q.strip()
    items = await queries.page(*page.place, TABS[tab], words, place_of(after), PAGE_SIZE)
    context = {
        **await code_lists.state_of(hub, page.layout, page.mapping.catalogue.list),
        **page.context,
        "counts": await queries.counts(*page.place),
        "tab": tab,
        "q": words,
        "items": [page.item_view(row) for row in items.rows],
        "done": await done(page, selesai, lepas),
        "first_link": f"?{_query(tab=tab, q=words)}" if after else None,
        "next_link": f"?{_query(tab=tab, q=words, after='.'.join(map(str, items.next)))}" if items.next else None,
    }
    return Template("mapping/lists.html", context=context)


@get("/pemetaan/{mapping:str}/angka", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_MAPPING)
async def figures(page: OpenedMapping) -> Template:
    """Return the cards with the counts, which a visible page polls."""
    context: dict[str, Any] = {**page.context, "counts": await queries.counts(*page.place)}
    return Template("mapping/figures.html", context=context)


async def next_of(page: MappingPage, row: ListedItem, tab: str) -> int | None:
    """Return the next item in the list of the tab, or the first one; None if the list has no other."""
    state = TABS.get(tab, queries.UNMAPPED)
    behind = await queries.page(*page.place, state, after=(row.waiting, row.id), size=1)
    if behind.rows:
        return behind.rows[0].id
    return await queries.following(*page.place, state, row.id)


def place_of(after: str) -> tuple[int, int] | None:
    """Return the place after which a page begins; None for the first page."""
    waiting, _, id_ = after.partition(".")
    return (int(waiting), int(id_)) if id_ else None


def _query(**fields: str) -> str:
    return urlencode({name: value for name, value in fields.items() if value})
