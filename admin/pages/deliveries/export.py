"""Export of a list as CSV: streamed page by page, identifiers masked, recorded in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.response import Stream

from admin.http.access import Right
from admin.http.parameters import MAX_INTEGER
from admin.pages.deliveries.listing import Listing, listing_of
from admin.pages.shared.csv_text import as_csv
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized, number, say
from engine.database.audit import note_now
from engine.database.rows import DeliveryRow
from engine.identifiers import masked
from engine.queries import paging
from engine.queries.paging import Cursor

CHUNK_ROWS = 500  # in memory at once
MAX_TICKED = 100


@post(
    "/integrasi/{upstream:str}/{spec:str}/ekspor",
    opt={"right": Right.PANEL, "may": Permission.BULK},
    dependencies=OPENED_TYPE,
    status_code=200,
)
async def export(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    opened_type: OpenedType,
) -> Stream:
    """Export the ticked deliveries, or with `all=yes` all that match the filter."""
    form = await request.form()
    listing = listing_of(opened_type, ListFilters.read(form))
    ids = None if form.get("all") == "yes" else _ids(form.getall("ids", []))
    await _note(listing, person, ids)
    headers = {"Content-Disposition": f'attachment; filename="antar-{listing.entry.name}.csv"'}
    return Stream(_lines(listing, ids), media_type="text/csv; charset=utf-8", headers=headers)


def _ids(values: Sequence[Any]) -> list[int]:
    ids = [int(str(value)) for value in values if str(value).isdecimal() and len(str(value)) <= len(str(MAX_INTEGER))]
    if not ids or len(ids) > MAX_TICKED or max(ids) > MAX_INTEGER:
        raise ClientException("ids")
    return ids


async def _note(listing: Listing, person: Person, ids: Sequence[int] | None) -> None:
    """Record in the audit log who exported which deliveries: the filter and the number of matches, or the ids."""
    count = await listing.count() if ids is None else paging.Count(len(ids))
    chosen = urlencode(listing.chosen.fields()) if ids is None else f"ids={','.join(map(str, ids))}"
    reason = f"{listing.entry.name} {'>' if count.more else ''}{number(count.n)} {chosen}".strip()
    await note_now(listing.hub.database, person.name, "export", facility_id=listing.facility_id, reason=reason)


async def _lines(listing: Listing, ids: Sequence[int] | None) -> AsyncIterator[str]:
    # The byte order mark makes spreadsheets read the file as UTF-8.
    yield "\ufeff" + as_csv([_head(listing)])
    if ids is not None:
        yield await _part(listing, await _ticked(listing, ids))
        return
    after: Cursor | None = None
    while True:
        page = await listing.page(CHUNK_ROWS, str(after) if after else None)
        yield await _part(listing, page.rows)
        if page.after is None:
            return
        after = page.after


async def _part(listing: Listing, rows: Sequence[DeliveryRow]) -> str:
    return as_csv([_cells(row, view) for row, view in zip(rows, await listing.views(rows), strict=True)])


async def _ticked(listing: Listing, ids: Sequence[int]) -> list[DeliveryRow]:
    return await paging.by_ids(listing.hub.database, listing.facility_id, listing.entry.name, ids)


def _head(listing: Listing) -> list[str]:
    keys = ("type.key", "type.norm", "type.name", "delivery.reference", "type.status", "type.http", "type.business")
    ends = ("type.tries", "type.time", "delivery.why")
    columns = [localized(column.label) for column in listing.entry.columns]
    return [say("type.date"), *columns, *(say(key) for key in (*keys, *ends))]


def _cells(row: DeliveryRow, view: Mapping[str, Any]) -> list[str]:
    texts = (row.key, row.patient_norm, row.patient_name, row.reference, view["label"], row.http_status, row.code)
    ends = (view["attempts"], view["time"].local, view["problem"])
    return [row.date, *view["cells"], *(masked(str(value)) if value is not None else "" for value in (*texts, *ends))]
