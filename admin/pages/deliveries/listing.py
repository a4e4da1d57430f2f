"""Page of a record type: its deliveries with the declared columns, filtered, updated live, with actions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromQuery
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Ids, Number, Place
from admin.pages.deliveries.column_fields import column_fields, value_label
from admin.pages.deliveries.job_tabs import head
from admin.pages.shared.areas import area_of
from admin.pages.shared.explanations import explain
from admin.pages.shared.filters import SHOWN_OF_HASH, ListFilters, presets
from admin.pages.shared.formatting import FOREIGN_ICON, day, list_row, zone_name
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType, OpenType
from admin.pages.shared.waiting_items import awaited_by
from admin.text.words import localized, say
from engine.database.rows import DeliveryRow
from engine.delivery.causes import FOREIGN, CauseKind, parse_cause
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox import counters
from engine.outbox.delayed_resend import HOLD_MS, scheduled
from engine.queries import paging
from engine.queries.deliveries import Filters
from engine.queries.paging import Count, Cursor, Page

SIZES = (25, 50, 100)
ON_ITS_WAY = (Status.QUEUED, Status.SENDING)


@dataclass(frozen=True, slots=True)
class StatusChip:
    """Number of deliveries of a status, which is also a filter; the empty status stands for all."""

    status: str
    label: str
    icon: str
    count: int | None
    filters: ListFilters
    on: bool
    more: bool = False


@dataclass(frozen=True, slots=True)
class SetFilter:
    """A filter that is set, in words, and the filter of the list without it.

    `folded`: its field is folded away on a phone only, and elsewhere says the same.
    """

    words: str
    without: ListFilters
    folded: bool = True


@dataclass(frozen=True, slots=True)
class Listing(OpenType):
    """List of one type's deliveries under a filter."""

    chosen: ListFilters

    @property
    def facility_id(self) -> int:
        return self.layout.facility.id if self.layout.facility else 0

    async def filters(self) -> Filters:
        """Return the filters; those of the newest days only, if a search would take too long over all days."""
        return await paging.newest(self.hub.database, self.facility_id, self.chosen.filters([self.entry.name]))

    async def page(self, size: int, after: str | None = None, before: str | None = None) -> Page:
        filters = await self.filters()
        start, end = Cursor.read(after or ""), Cursor.read(before or "")
        return await paging.page(self.hub.database, self.facility_id, filters, size, after=start, before=end)

    @property
    def has_counters(self) -> bool:
        """Return whether the stored counters give the number of matches."""
        return self.chosen.is_counted

    async def counts(self) -> dict[str, int]:
        """Return status -> number of deliveries on the chosen days; other filters do not count."""
        days = (self.chosen.date_from or None, self.chosen.date_to or None)
        return (await counters.read(self.hub.database, self.facility_id, *days)).get(self.entry.name, {})

    async def chips(self) -> list[StatusChip]:
        """Return the statuses that occur, each as a filter; without numbers where the counters do not give them."""
        counts, chosen = await self.counts(), self.chosen
        statuses = [status for status in Status if counts.get(status, 0) > 0 or status in chosen.statuses]
        return [
            self._chip("", sum(counts.values()), (), on=not chosen.statuses and chosen.cause != FOREIGN),
            *(self._chip(s, counts.get(s, 0), (s,), on=s in chosen.statuses) for s in statuses),
            *([await self._foreign_chip()] if counts.get(Status.IGNORED) or chosen.cause == FOREIGN else []),
        ]

    def _chip(self, status: str, n: int, statuses: tuple[str, ...], *, on: bool) -> StatusChip:
        label, icon = (self.layout.label(status), self.layout.icon(status)) if status else (say("type.any"), "")
        filters = replace(self.chosen, statuses=statuses)
        return StatusChip(status, label, icon, n if self.has_counters else None, filters, on)

    async def _foreign_chip(self) -> StatusChip:
        """Return the filter of what is another organization's, which is a part of what is set aside."""
        during = ListFilters().during(self.chosen.date_from, self.chosen.date_to)
        filters, label = replace(during, cause=FOREIGN), say("status.foreign")
        found = await paging.count(self.hub.database, self.facility_id, filters.filters([self.entry.name]))
        on = self.chosen.cause == FOREIGN
        return StatusChip(Status.IGNORED, label, FOREIGN_ICON, found.n, filters, on, found.more)

    async def count(self) -> Count:
        """Return the number of matches."""
        return await paging.count(self.hub.database, self.facility_id, await self.filters())

    async def searched_from(self) -> str:
        """Return the day from which a search looks, as it is shown, if it leaves older days out; else nothing."""
        since = (await self.filters()).date_from
        return day(since) if since and since != self.chosen.date_from else ""

    async def views(self, rows: Collection[DeliveryRow]) -> list[dict[str, Any]]:
        """Return the rows as the templates take them."""
        ids = [row.id for row in rows]
        waiting, attempts = await scheduled(self.hub.database, ids), await paging.attempts(self.hub.database, ids)
        waits = await awaited_by(self.hub, [row.id for row in rows if row.status == Status.BLOCKED])
        return [
            {
                **view,
                "held": row.id in waiting,
                "undo_ms": max(0, waiting.get(row.id, 0) - self.hub.database.clock()),
                "cause": self._cause_title(row, view["problem"]),
                "attempts": attempts.get(row.id, 0),
                "waits": waits.get(row.id, []),
            }
            for row, view in ((row, list_row(self.entry, self.layout, row)) for row in rows)
        ]

    def _cause_title(self, row: DeliveryRow, problem: str | None) -> str:
        """Return in a few words why a delivery failed, or may have, or waits in a circle; empty for any other."""
        in_circle = parse_cause(row.cause or "")[0] == CauseKind.CIRCLE
        if row.status not in (Status.FAILED, Status.UNSURE) and not in_circle:
            return ""
        if not row.cause:
            return problem or ""
        return explain(row.cause, self.layout.upstream, self.entry.name).title

    def outcomes_in_words(self, rows: Collection[dict[str, Any]], awaited: Collection[int]) -> str:
        """Return in words the outcomes of awaited deliveries that are no longer on their way."""
        settled = [row for row in rows if row["id"] in awaited and not row["held"] and row["status"] not in ON_ITS_WAY]
        return " ".join(
            say(f"type.told.{_result(row)}", key=row["key"], cause=row["cause"], at=_again(row)) for row in settled
        )

    @property
    def context(self) -> dict[str, Any]:
        frame = {"frame": self.layout, "spec": self.entry, "chosen": self.chosen}
        return {**frame, "undo_of": HOLD_MS, "size": SIZES[0], "sizes": SIZES}


def listing_of(opened_type: OpenType, chosen: ListFilters) -> Listing:
    return Listing(opened_type.hub, opened_type.layout, opened_type.entry, chosen.of_type(opened_type.entry))


@get("/integrasi/{upstream:str}/{spec:str}", opt={"right": Right.PANEL}, dependencies=OPENED_TYPE)
async def type_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    opened_type: OpenedType,
    after: Place = None,
    before: Place = None,
    buka: Number = None,
    size: FromQuery[int] = SIZES[0],
) -> Template:
    """Show a page of deliveries, newest day first; filter and position are in the address."""
    listing = listing_of(opened_type, ListFilters.read(request.query_params))
    chosen = listing.chosen
    size = size if size in SIZES else SIZES[0]
    page = await listing.page(size, after, before)
    facility, area = listing.layout.facility, area_of(hub, listing.layout)
    return Template(
        "deliveries/list.html",
        context={
            **listing.context,
            "zone": zone_name(facility) if facility else "",
            "statuses": list(Status),
            "presets": presets(facility, hub.database.clock()) if facility else {},
            "rows": await listing.views(page.rows),
            "count": await listing.count() if listing.has_counters else None,
            "chips": () if listing.layout.upstream.area else await listing.chips(),
            "place": await _place(listing, page),
            "searched_from": await listing.searched_from(),
            "set_filters": _set_filters(listing),
            "columns": await column_fields(hub, listing.facility_id, listing.entry, chosen),
            "size": size,
            "first": not (after or before),
            "opened": buka,
            "cause": explain(chosen.cause, listing.layout.upstream, listing.entry.name).title if chosen.cause else "",
            "links": _links(chosen, page, size),
            "area": area,
            **(await head(hub, listing.layout, area, listing.entry, chosen) if area else {}),
        },
    )


@get(
    "/integrasi/{upstream:str}/{spec:str}/perubahan", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_TYPE
)
async def changes(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    opened_type: OpenedType,
    ids: Ids = "",
    top: FromQuery[bool] = False,
    count: FromQuery[bool] = False,
    awaited: Ids = "",
    size: FromQuery[int] = SIZES[0],
) -> Template:
    """Return the present state of the rows on a page, the number of newer rows, and the number of matches.

    Matches that no stored counter gives are counted only on request (`count`). The outcome of `awaited` deliveries,
    which a person has resent, is given in words.
    """
    listing = listing_of(opened_type, ListFilters.read(request.query_params))
    row_ids, awaited_ids = ([int(id_) for id_ in text.split(",") if id_] for text in (ids, awaited))
    if len(row_ids) > max(SIZES):
        raise ClientException("ids")
    rows = await paging.by_ids(hub.database, listing.facility_id, listing.entry.name, row_ids)
    newest = await listing.page(size if size in SIZES else SIZES[0]) if top else Page([], None, None)
    matching = await listing.count() if count or listing.has_counters else None
    views = await listing.views(rows)
    context = {
        "rows": views,
        "fresh": _fresh(newest, rows),
        "count": matching,
        "size": size,
        "chips": await listing.chips() if top and not listing.layout.upstream.area else (),
        "message": listing.outcomes_in_words(views, awaited_ids),
    }
    return Template(
        "deliveries/list_changes.html", context={**listing.context, **context, "all": listing.chosen.address()}
    )


def _result(row: dict[str, Any]) -> str:
    """Return the name of the message about a settled row."""
    return "failed.again" if row["status"] == Status.FAILED and row["attempts"] > 1 else str(row["status"])


def _again(row: dict[str, Any]) -> str:
    return row["again"].clock if row["again"] else ""


def _fresh(newest: Page, rows: Collection[DeliveryRow]) -> int:
    """Count the rows in `newest` that come before the last of `rows` and are not among them."""
    ids_shown = {row.id for row in rows}
    last = min(((row.date, row.id) for row in rows), default=("", 0))
    return sum((row.date, row.id) > last and row.id not in ids_shown for row in newest.rows)


def _set_filters(listing: Listing) -> list[SetFilter]:
    """Return the set filters whose fields are folded away, on a phone or always."""
    chosen, words = listing.chosen, []
    if chosen.date_from or chosen.date_to:
        days = dict.fromkeys(day(date) if date else "…" for date in (chosen.date_from, chosen.date_to))
        words.append(SetFilter(" – ".join(days), chosen.during("", "")))
    for status in chosen.statuses:
        others = tuple(other for other in chosen.statuses if other != status)
        words.append(SetFilter(listing.layout.label(status), replace(chosen, statuses=others)))
    if chosen.code:
        words.append(SetFilter(f"{say('type.code')} {chosen.code}", replace(chosen, code="")))
    if chosen.version:
        label = say("type.version.is", hash=chosen.version[:SHOWN_OF_HASH])
        words.append(SetFilter(label, replace(chosen, version=""), folded=False))
    for column in listing.entry.columns:
        if value := chosen.column(column.name):
            label = f"{localized(column.label)}: {value_label(column, value)}"
            words.append(SetFilter(label, chosen.without_column(column.name), folded=False))
    return words


async def _place(listing: Listing, page: Page) -> tuple[int, int] | None:
    """Return the numbers of the first and last row of a page within the list; None if that is too far down to count."""
    if not page.rows:
        return None
    before = Count(0)
    if page.before is not None:
        filters = await listing.filters()
        before = await paging.count_before(listing.hub.database, listing.facility_id, filters, page.before)
    return None if before.more else (before.n + 1, before.n + len(page.rows))


def _links(chosen: ListFilters, page: Page, size: int) -> dict[str, str]:
    """Return name -> address of the first, the newer and the older page."""
    address = chosen.address(size=size if size != SIZES[0] else "")
    links = {"first": address}
    if page.before:
        links["newer"] = chosen.address(size=size, before=page.before)
    if page.after:
        links["older"] = chosen.address(size=size, after=page.after)
    return links
