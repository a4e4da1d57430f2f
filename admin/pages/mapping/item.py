"""Mapping screen: an item with its parts, the candidate codes, and the chosen code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Number, Text
from admin.pages.mapping.after_confirm import done, outdated
from admin.pages.mapping.candidates import candidates, chosen, first_confirmable, read_parts
from admin.pages.mapping.lists import next_of
from admin.pages.mapping.shared import OPENED_ITEM, TABS, MappingPage, OpenedItem, OpenedMapping, mapped_by
from admin.pages.shared.formatting import moment
from admin.pages.shared.waiting_items import deliveries_awaiting
from admin.text.words import say, sentence
from engine.hub import Hub
from engine.mapping import queries
from engine.mapping.queries import Change, ListedItem

MESSAGES = {"overtaken", "unknown", "veto", "no_code"}  # results of an action that the address may carry


@get("/pemetaan/{mapping:str}/{id_:int}", opt={"right": Right.PANEL}, dependencies=OPENED_ITEM)
async def item_page(
    hub: NamedDependency[Hub],
    page: OpenedMapping,
    item: OpenedItem,
    tab: FromQuery[str] = "",
    q: Text = "",
    kode: Text = "",
    pesan: FromQuery[str] = "",
    selesai: Number = None,
    lepas: Number = None,
    hapus: FromQuery[str] = "",
) -> Template:
    """Show the whole screen; search and chosen code are in the address."""
    tab = tab if tab in TABS else next(iter(TABS))
    further = await next_of(page, item, tab)
    context = {
        **await _screen_context(page, item, tab, q.strip(), kode.strip()),
        "parts": await read_parts(page, item),
        "active": item.active,
        "next": f"{page.home}/{further}?{urlencode({'tab': tab})}" if further else None,
        "waiting": await deliveries_awaiting(hub, page.facility.id, page.mapping.item, item.key),
        "history": [_history_entry(page, change) for change in await queries.history(page.database, item.id)],
        "done": await done(page, selesai, lepas) if selesai != item.id else None,
        "message": _message(page, item, pesan),
        "left": {"href": f"{page.home}/{item.id}", **await outdated(page, item.id)},
        "removing": hapus == "ya" and bool(item.code),
    }
    return Template("mapping/item.html", context=context)


@get("/pemetaan/{mapping:str}/{id_:int}/calon", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_ITEM)
async def offers(
    page: OpenedMapping,
    item: OpenedItem,
    tab: FromQuery[str] = "",
    q: Text = "",
    kode: Text = "",
) -> Template:
    """Return the candidates while a person types; a chosen code that is no longer among them is dropped."""
    words = q.strip()
    offered = await candidates(page, item, words)
    kept = kode if kode in [offer["code"] for offer in offered] else ""
    context = {
        **page.context,
        "item": page.item_view(item),
        "tab": tab,
        "q": words,
        "candidates": offered,
        "kode": kept,
    }
    if not kept:
        context |= await _proposal(page, item, words, offered)
    return Template("mapping/offers.html", context=context, headers=_address(page, item.id, tab, words, kept))


@get("/pemetaan/{mapping:str}/{id_:int}/pilihan", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_ITEM)
async def choice(
    page: OpenedMapping,
    item: OpenedItem,
    tab: FromQuery[str] = "",
    q: Text = "",
    kode: Text = "",
) -> Template:
    """Return the chosen code for comparison with the item."""
    context = {
        **page.context,
        "item": page.item_view(item),
        "tab": tab,
        "kode": kode,
        "chosen": await chosen(page, item, kode),
    }
    return Template("mapping/choice.html", context=context, headers=_address(page, item.id, tab, q.strip(), kode))


async def _screen_context(page: MappingPage, row: ListedItem, tab: str, words: str, code: str) -> dict[str, Any]:
    offered = await candidates(page, row, words)
    picked = {"kode": code, "chosen": await chosen(page, row, code)} if code else {}
    picked = picked or await _proposal(page, row, words, offered)
    return {**page.context, "item": page.item_view(row), "tab": tab, "q": words, "candidates": offered, **picked}


async def _proposal(
    page: MappingPage, row: ListedItem, words: str, offered: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the code shown beside the item until a person chooses one; none while they search."""
    code = "" if words else _likely_code(page, row) or first_confirmable(offered)
    return {"kode": code, "chosen": await chosen(page, row, code), "proposed": True}


def _likely_code(page: MappingPage, row: ListedItem) -> str:
    """Return the present code of the item; if the item is to be reviewed, the code that replaced it."""
    replacement = page.item_view(row)["replacement"] if row.state == queries.REVIEW else ""
    return str(replacement or row.code or "")


def _address(page: MappingPage, id_: int, tab: str, words: str, code: str) -> dict[str, str]:
    """Return the header that sets the address bar."""
    query = {name: value for name, value in {"tab": tab, "q": words, "kode": code}.items() if value}
    return {"HX-Replace-Url": f"{page.home}/{id_}?{urlencode(query)}"}


def _message(page: MappingPage, row: ListedItem, message: str) -> str:
    """Return the message about an action that failed."""
    if message not in MESSAGES:
        return ""
    at = moment(row.mapped_at, page.facility)
    values = {
        "by": mapped_by(row) or "–",
        "code": row.code or "–",
        "at": at.short if at else "–",
    }
    return say("mapping.told.overtaken", **values) if message == "overtaken" else say(f"mapping.told.{message}")


def _history_entry(page: MappingPage, row: Change) -> dict[str, Any]:
    return {
        "time": moment(row.at, page.facility),
        "what": say(f"mapping.history.{row.action}", actor=sentence(row.actor)),
        "before": row.before,
        "code": row.code,
    }
