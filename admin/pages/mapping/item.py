"""The mapping screen: an item with what is read from it, the codes that it may be, and the one that was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Id, Number, Text
from admin.pages.mapping.after_confirm import done, outdated
from admin.pages.mapping.candidates import candidates, chosen, first_good, parsed
from admin.pages.mapping.lists import next_of
from admin.pages.mapping.shared import TABS, MappingPage, item_of, mapping_page_of
from admin.pages.shared.areas import area_of
from admin.pages.shared.formatting import moment
from admin.pages.shared.waiting_items import deliveries_awaiting
from admin.text.words import say
from engine.hub import Hub
from engine.mapping import queries

TOLD = {"overtaken", "unknown", "veto", "no_code"}
"""What an address may ask to be told after an action."""


@get("/pemetaan/{mapping:str}/{id_:int}", opt={"right": Right.PANEL}, include_in_schema=False)
async def item_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    mapping: FromPath[str],
    id_: Id,
    tab: FromQuery[str] = "",
    q: Text = "",
    kode: Text = "",
    pesan: FromQuery[str] = "",
    selesai: Number = None,
    lepas: Number = None,
    hapus: FromQuery[str] = "",
) -> Template:
    """The whole screen; the search and the chosen code stand in the address."""
    desk = await mapping_page_of(request, hub, mapping)
    row, tab = await item_of(desk, id_), tab if tab in TABS else next(iter(TABS))
    further = await next_of(desk, row, tab)
    context = {
        **await _shown(desk, row, tab, q.strip(), kode.strip()),
        "area": area_of(hub, desk.layout),
        "parts": await parsed(desk, row),
        "active": row.active,
        "next": f"{desk.home}/{further}?{urlencode({'tab': tab})}" if further else None,
        "waiting": await deliveries_awaiting(hub, desk.facility.id, desk.mapping.item, row.key),
        "history": [_change(desk, each) for each in await queries.history(desk.database, row.id)],
        "done": await done(desk, selesai, lepas) if selesai != id_ else None,
        "told": _told(desk, row, pesan),
        "left": {"href": f"{desk.home}/{id_}", **await outdated(desk, id_)},
        "removing": hapus == "ya" and bool(row.code),
    }
    return Template("mapping/item.html", context=context)


@get("/pemetaan/{mapping:str}/{id_:int}/calon", opt={"right": Right.PANEL, "live": True}, include_in_schema=False)
async def offers(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    mapping: FromPath[str],
    id_: Id,
    tab: FromQuery[str] = "",
    q: Text = "",
    kode: Text = "",
) -> Template:
    """What the page asks for as one types; a chosen code that the list no longer has is put away."""
    desk = await mapping_page_of(request, hub, mapping)
    row, words = await item_of(desk, id_), q.strip()
    offered = await candidates(desk, row, words)
    kept = kode if kode in [each["code"] for each in offered] else ""
    context = {**desk.context, "item": desk.shown(row), "tab": tab, "q": words, "candidates": offered, "kode": kept}
    if not kept:
        context |= await _proposal(desk, row, words, offered)
    return Template("mapping/offers.html", context=context, headers=_address(desk, id_, tab, words, kept))


@get("/pemetaan/{mapping:str}/{id_:int}/pilihan", opt={"right": Right.PANEL, "live": True}, include_in_schema=False)
async def choice(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    mapping: FromPath[str],
    id_: Id,
    tab: FromQuery[str] = "",
    q: Text = "",
    kode: Text = "",
) -> Template:
    """A code beside the item, for the page on which it was chosen."""
    desk = await mapping_page_of(request, hub, mapping)
    row = await item_of(desk, id_)
    context = {
        **desk.context,
        "item": desk.shown(row),
        "tab": tab,
        "kode": kode,
        "chosen": await chosen(desk, row, kode),
    }
    return Template("mapping/choice.html", context=context, headers=_address(desk, id_, tab, q.strip(), kode))


async def _shown(desk: MappingPage, row: Any, tab: str, words: str, code: str) -> dict[str, Any]:
    offered = await candidates(desk, row, words)
    picked = {"kode": code, "chosen": await chosen(desk, row, code)} if code else {}
    picked = picked or await _proposal(desk, row, words, offered)
    return {**desk.context, "item": desk.shown(row), "tab": tab, "q": words, "candidates": offered, **picked}


async def _proposal(desk: MappingPage, row: Any, words: str, offered: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is shown beside the item until a person chooses: of what they searched for nothing."""
    code = "" if words else _likely(desk, row) or first_good(offered)
    return {"kode": code, "chosen": await chosen(desk, row, code), "proposed": True}


def _likely(desk: MappingPage, row: Any) -> str:
    """What has a code is looked at with it; what is to be reviewed with the one that replaced it."""
    replacement = desk.shown(row)["replacement"] if row.state == queries.REVIEW else ""
    return str(replacement or row.code or "")


def _address(desk: MappingPage, id_: int, tab: str, words: str, code: str) -> dict[str, str]:
    """What stands in the address bar from now on."""
    query = {name: value for name, value in {"tab": tab, "q": words, "kode": code}.items() if value}
    return {"HX-Replace-Url": f"{desk.home}/{id_}?{urlencode(query)}"}


def _told(desk: MappingPage, row: Any, message: str) -> str:
    """What became of an action that did not do what was asked."""
    if message not in TOLD:
        return ""
    at = moment(row.mapped_at, desk.facility)
    told_ = {"by": row.mapped_by or "–", "code": row.code or "–", "at": at.short if at else "–"}
    return say("mapping.told.overtaken", **told_) if message == "overtaken" else say(f"mapping.told.{message}")


def _change(desk: MappingPage, row: Any) -> dict[str, Any]:
    return {
        "time": moment(row.at, desk.facility),
        "what": say(f"mapping.history.{row.action}", actor=row.actor),
        "before": row.before,
        "code": row.code,
    }
