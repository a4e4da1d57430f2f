"""Deliveries of each record type as they are stored: a list and a page of one, read-only, made from the entry."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any, ClassVar

import orjson
from litestar.datastructures import MultiDict
from starlette.requests import Request

from admin.http.parameters import MAX_INTEGER
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.formatting import list_row
from admin.pages.shared.json_view import pretty
from admin.people.permissions import Permission
from admin.settings.base_view import PAGE_ROWS, Keyset, SettingsView
from admin.settings.request import layout_of, when
from admin.settings.rights import RAW_PREFIX
from admin.text.words import localized, say, sentence
from engine.database.rows import DeliveryRow
from engine.database.tables import Delivery
from engine.delivery.status import Status
from engine.hub import Hub
from engine.identifiers import masked
from engine.queries import deliveries, paging
from engine.queries.paging import Cursor
from engine.specs.record_type import Spec

MAX_ATTEMPTS = 20  # shown with a delivery, the newest
TIME_COLUMNS = ("created_at", "changed_at", "due_at", "settled_at", "sent_at")
PLAIN_COLUMNS = (
    "id",
    "key",
    "version",
    "sent_version",
    "reference",
    "lane",
    "tries",
    "trigger",
    "code",
    "cause",
    "problem",
)
DECLARED = "column."  # before the name of a column of the entry, which may be called as one of the list's own


class DeliveryView(SettingsView[DeliveryRow], model=Delivery):
    """Deliveries of one record type, of the clinic that is selected in the header; `spec` is the entry."""

    row = DeliveryRow
    word = "raw"
    icon = "database"
    spec: ClassVar[Spec]
    list_template = "sqladmin/deliveries.html"
    details_template = "sqladmin/delivery.html"

    @property
    def title(self) -> str:
        return localized(self.spec.label)

    def label(self, name: str) -> str:
        declared = {f"{DECLARED}{column.name}": column.label for column in self.spec.columns}
        return localized(declared[name]) if name in declared else super().label(name)

    async def list(self, request: Request) -> Keyset:
        """Return a page, the newest day first, read through an index."""
        clinic, chosen = layout_of(request).facility, self.chosen(request)
        if clinic is None:
            return Keyset([], 1, PAGE_ROWS, 0)
        after, before = (Cursor.read(request.query_params.get(name, "")) for name in ("after", "before"))
        filters = chosen.filters([self.spec.name])
        page = await paging.page(self.hub.database, clinic.id, filters, PAGE_ROWS, after=after, before=before)
        return Keyset(
            page.rows,
            1,
            PAGE_ROWS,
            len(page.rows),
            first=chosen.address() if after or before else "",
            newer=chosen.address(before=str(page.before)) if page.before else "",
            older=chosen.address(after=str(page.after)) if page.after else "",
        )

    async def list_context(self, request: Request) -> dict[str, Any]:
        self._select_upstream(request)
        return {"chosen": self.chosen(request), "statuses": [*Status]}

    def chosen(self, request: Request) -> ListFilters:
        """Return the filters of the address."""
        return ListFilters.read(MultiDict(request.query_params.multi_items()), self.spec)

    def cells(self, request: Request, row: DeliveryRow) -> dict[str, Any]:
        cells = list_row(self.spec, layout_of(request), row)
        declared = {
            f"{DECLARED}{column.name}": cell for column, cell in zip(self.spec.columns, cells["cells"], strict=True)
        }
        return {"key": cells["key"], "date": cells["day"], **declared, "norm": cells["norm"], "status": cells}

    async def one(self, request: Request, key: str) -> DeliveryRow | None:
        clinic = layout_of(request).facility
        if clinic is None or not key.isdecimal() or int(key) > MAX_INTEGER:
            return None
        rows = await paging.by_ids(self.hub.database, clinic.id, self.spec.name, [int(key)])
        return next(iter(rows), None)

    def facts(self, request: Request, row: DeliveryRow) -> builtins.list[tuple[str, Any]]:
        pairs = [(self.label(name), value) for name, value in self.cells(request, row).items() if name != "key"]
        plain = [(name, getattr(row, name)) for name in PLAIN_COLUMNS]
        known = self.spec.identifiers(orjson.loads(row.record))
        pairs += [
            (say(f"settings.raw.{name}"), masked(sentence(str(value)), known))
            for name, value in plain
            if value is not None
        ]
        return pairs + [(say(f"settings.raw.{name}"), when(request, getattr(row, name))) for name in TIME_COLUMNS]

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Return the bodies: masked, and only for a person who may read them."""
        self._select_upstream(request)
        row = await self.one(request, request.path_params["pk"])
        if row is None or not layout_of(request).may(Permission.BODIES):
            return {"bodies": None}
        known = self.spec.identifiers(orjson.loads(row.record))
        bodies = [(say("settings.raw.record"), masked(pretty(row.record), known))]
        if row.body:
            bodies.append((say("settings.raw.body"), masked(pretty(row.body), known)))
        detail = await deliveries.one(self.hub.database, row.facility_id, row.id)
        newest = [attempt.id for attempt in detail.attempts[:MAX_ATTEMPTS]] if detail else []
        attempts = await deliveries.tries(self.hub.database, row.id, newest)
        for attempt in sorted(attempts.values(), key=lambda attempt: attempt.id, reverse=True):
            at, verdict = when(request, attempt.at), say(f"verdict.{attempt.verdict}")
            head = f"{at.local if at else ''} · {verdict} {attempt.http_status or ''}"
            pruned = when(request, attempt.pruned_at)
            notice = say("delivery.pruned", at=pruned.short) if pruned else ""
            bodies += [(f"{head} · {say('settings.raw.request')}", notice or _read(attempt.request, known))]
            bodies += [(f"{head} · {say('settings.raw.response')}", notice or _read(attempt.response, known))]
        return {"bodies": bodies}

    def _select_upstream(self, request: Request) -> None:
        """Make the layout that of the entry's upstream, which has its own words for some columns."""
        request.state.frame = replace(layout_of(request), upstream=self.spec.upstream)

    def elsewhere(self, row: DeliveryRow) -> str:
        """Return the address of the panel's page about the row."""
        return f"/integrasi/{self.spec.upstream.name}/{self.spec.name}/{row.id}"


def delivery_view(spec: Spec, hub: Hub) -> type[DeliveryView]:
    """Return the view of one record type."""
    make: Any = type(DeliveryView)
    view: type[DeliveryView] = make(f"Raw{spec.name}", (DeliveryView,), {"spec": spec, "hub": hub})
    view.identity = f"{RAW_PREFIX}{spec.name}"  # the metaclass would give all of them the same
    return view


def _read(body: bytes | None, known: tuple[str, ...]) -> str:
    return masked(pretty(body.decode("utf-8", "replace")), known) if body else ""
