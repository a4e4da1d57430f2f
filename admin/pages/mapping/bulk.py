"""*Konfirmasi sekaligus*: the items that have one exact code, to look through and confirm together."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from litestar.response import Template

from admin.http.access import Right
from admin.pages.mapping.candidates import offer_view
from admin.pages.mapping.confirm import MAP, ring
from admin.pages.mapping.lists import After, place_of
from admin.pages.mapping.shared import OPENED_MAPPING, MappingPage, OpenedMapping, mapped_by
from admin.pages.shared.filters import Fields
from admin.people.users import Person
from admin.text.words import say
from engine.delivery.status import KEY_LENGTH
from engine.hub import Hub
from engine.mapping import queries
from engine.mapping.bulk import MAX_ITEMS, ProposalPage, confirm_proposals, proposals
from engine.mapping.confirm import Choice
from engine.mapping.queries import ListedItem

MAX_ID = 2**53
HASH_LENGTH = 32


@get("/pemetaan/{mapping:str}/sekaligus/jumlah", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_MAPPING)
async def bulk_line(page: OpenedMapping) -> Template:
    """Return the line above the list that tells how many items can be confirmed together; empty if none can."""
    judged = await _proposals(page)
    context = {**page.context, "n": len(judged.rows), "judged": judged.judged, "more": judged.next is not None}
    return Template("mapping/bulk_line.html", context=context)


@get("/pemetaan/{mapping:str}/sekaligus", opt={"right": Right.PANEL}, dependencies=OPENED_MAPPING)
async def bulk_page(page: OpenedMapping, after: After = "") -> Template:
    """Show each item beside its code, all of them ticked."""
    judged = await _proposals(page, place_of(after))
    rows = [
        {
            "item": page.item_view(row),
            "offer": offer_view(page.mapping, suggested.match, suggested),
            "value": f"{row.id}:{row.parts_hash}:{suggested.match.code}",
        }
        for row, suggested in judged.rows
    ]
    context = {
        **page.context,
        "rows": rows,
        "judged": judged.judged,
        "parts": [page.mapping.label_of(part) for part in page.mapping.bulk],
        "next_link": f"?after={'.'.join(map(str, judged.next))}" if judged.next else None,
    }
    return Template("mapping/bulk.html", context=context)


@post("/pemetaan/{mapping:str}/sekaligus", opt=MAP, dependencies=OPENED_MAPPING, status_code=200)
async def confirm_bulk(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person], page: OpenedMapping
) -> Template:
    """Confirm what is ticked and still exact, and show the result; a second submission changes nothing."""
    _require_bulk(page)
    choices = _choices(await request.form())
    result = await confirm_proposals(
        page.database, hub.code_searches, page.mapping, page.facility, choices, person.name
    )
    ring(hub, result.channels)
    context = {
        **page.context,
        "done": [{"item": page.item_view(row), "code": code} for row, code in result.done],
        "left": [
            {"item": page.item_view(row) if row else None, "why": _why(row, reason.value)}
            for row, reason in result.left
        ],
        "released": result.released,
        "counts": await queries.counts(*page.place),
    }
    return Template("mapping/bulk_result.html", context=context)


async def _proposals(page: MappingPage, after: tuple[int, int] | None = None) -> ProposalPage:
    _require_bulk(page)
    return await proposals(page.database, page.hub.code_searches, page.mapping, page.facility, after)


def _require_bulk(page: MappingPage) -> None:
    if not page.mapping.bulk:
        raise NotFoundException(say("error.not_found"))


def _choices(form: Fields) -> list[Choice]:
    """Read the ticks, each `item:hash of its parts:code`; raise 400 for anything else."""
    ticks = [str(value) for value in form.getall("pilih", [])]
    if len(ticks) > MAX_ITEMS:
        raise ClientException("pilih")
    return list({choice.item_id: choice for choice in map(_choice, ticks)}.values())


def _choice(tick: str) -> Choice:
    id_, _, rest = tick.partition(":")
    parts_hash, _, code = rest.partition(":")
    is_id = id_.isascii() and id_.isdigit() and len(id_) <= len(str(MAX_ID)) and 0 < int(id_) < MAX_ID
    if not is_id or not 0 < len(parts_hash) <= HASH_LENGTH or not 0 < len(code) <= KEY_LENGTH:
        raise ClientException("pilih")
    return Choice(int(id_), code, None, parts_hash)


def _why(row: ListedItem | None, reason: str) -> str:
    values = {"by": mapped_by(row) or "–", "code": row.code or "–"} if row else {"by": "–", "code": "–"}
    return say(f"mapping.bulk.left.{reason}", **values)
