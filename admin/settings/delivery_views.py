"""The deliveries of each record type as they are stored, made from its entry: a list and one of them, read-only."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any, ClassVar

from litestar.datastructures import MultiDict
from sqlalchemy import select
from starlette.requests import Request

from admin.http.parameters import LARGEST
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.formatting import shown_row
from admin.pages.shared.json_view import pretty
from admin.people.permissions import Permission
from admin.settings.base_view import SIZE, Keyset, SettingsView
from admin.settings.request import frame_of, when
from admin.settings.rights import RAW
from admin.text.masking import masked
from admin.text.words import say
from engine.database.tables import Attempt, Delivery
from engine.delivery.status import Status
from engine.hub import Hub
from engine.queries import paging
from engine.queries.paging import Cursor
from engine.specs.record_type import Spec

NEWEST = 20
"""Attempts that are shown with a delivery."""
TIMES = ("created_at", "changed_at", "due_at", "settled_at", "sent_at")
PLAIN = ("id", "key", "version", "sent_version", "reference", "lane", "tries", "trigger", "code", "cause", "problem")


class DeliveryView(SettingsView, model=Delivery):
    """Of the clinic that is chosen in the header; `spec` is the entry."""

    word = "raw"
    icon = "database"
    spec: ClassVar[Spec]
    list_template = "sqladmin/deliveries.html"
    details_template = "sqladmin/delivery.html"

    @property
    def title(self) -> str:
        return self.spec.label

    def label(self, name: str) -> str:
        declared = {column.name: column.label for column in self.spec.columns}
        return declared.get(name) or super().label(name)

    async def list(self, request: Request) -> Keyset:
        """A page, newest day first, each part of it read from an index."""
        clinic, chosen = frame_of(request).facility, self.chosen(request)
        if clinic is None:
            return Keyset([], 1, SIZE, 0)
        after, before = (Cursor.read(request.query_params.get(name, "")) for name in ("after", "before"))
        filters = chosen.filters([self.spec.name])
        page = await paging.page(self.hub.database, clinic.id, filters, SIZE, after=after, before=before)
        return Keyset(
            page.rows,
            1,
            SIZE,
            len(page.rows),
            first=chosen.address() if after or before else "",
            newer=chosen.address(before=str(page.before)) if page.before else "",
            older=chosen.address(after=str(page.after)) if page.after else "",
        )

    async def list_context(self, request: Request) -> dict[str, Any]:
        self._turn(request)
        return {"chosen": self.chosen(request), "statuses": [*Status]}

    def chosen(self, request: Request) -> ListFilters:
        """The filters of the address."""
        return ListFilters.read(MultiDict(request.query_params.multi_items()))

    def shown(self, request: Request, row: Any) -> dict[str, Any]:
        told = shown_row(self.spec, frame_of(request), row)
        declared = dict(zip((column.name for column in self.spec.columns), told["cells"], strict=True))
        return {"key": told["key"], "date": told["day"], **declared, "norm": told["norm"], "status": told}

    async def one(self, request: Request, key: str) -> Any | None:
        clinic = frame_of(request).facility
        if clinic is None or not key.isdecimal() or int(key) > LARGEST:
            return None
        mine = (Delivery.id == int(key), Delivery.facility_id == clinic.id, Delivery.spec == self.spec.name)
        rows = await self.hub.database.fetch(select(Delivery.__table__).where(*mine))
        return rows[0] if rows else None

    def facts(self, request: Request, row: Any) -> builtins.list[tuple[str, Any]]:
        shown = [(self.label(name), value) for name, value in self.shown(request, row).items() if name != "key"]
        plain = [(name, getattr(row, name)) for name in PLAIN]
        shown += [(say(f"settings.raw.{name}"), masked(str(value))) for name, value in plain if value is not None]
        return shown + [(say(f"settings.raw.{name}"), when(request, getattr(row, name))) for name in TIMES]

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Bodies as our own pages show them: masked, and only to whoever may read them."""
        self._turn(request)
        row = await self.one(request, request.path_params["pk"])
        if row is None or not frame_of(request).may(Permission.BODIES):
            return {"bodies": None}
        bodies = [(say("settings.raw.record"), masked(pretty(row.record)))]
        if row.body:
            bodies.append((say("settings.raw.body"), masked(pretty(row.body))))
        query = select(Attempt.__table__).where(Attempt.delivery_id == row.id).order_by(Attempt.id.desc()).limit(NEWEST)
        for attempt in await self.hub.database.fetch(query):
            at, verdict = when(request, attempt.at), say(f"verdict.{attempt.verdict}")
            head = f"{at.local if at else ''} · {verdict} {attempt.http_status or ''}"
            pruned = when(request, attempt.pruned_at)
            said = say("delivery.pruned", at=pruned.short) if pruned else ""
            bodies += [(f"{head} · {say('settings.raw.request')}", said or _read(attempt.request))]
            bodies += [(f"{head} · {say('settings.raw.response')}", said or _read(attempt.response))]
        return {"bodies": bodies}

    def _turn(self, request: Request) -> None:
        """The page is about the upstream of the entry, which has words of its own for what stands where."""
        request.state.frame = replace(frame_of(request), upstream=self.spec.upstream)

    def elsewhere(self, row: Any) -> str:
        """The page of the panel about it."""
        return f"/integrasi/{self.spec.upstream.name}/{self.spec.name}/{row.id}"


def delivery_view(spec: Spec, hub: Hub) -> type[DeliveryView]:
    """The view of one record type."""
    make: Any = type(DeliveryView)
    made: type[DeliveryView] = make(f"Raw{spec.name}", (DeliveryView,), {"spec": spec, "hub": hub})
    made.identity = f"{RAW}{spec.name}"  # the metaclass would name all of them alike
    return made


def _read(body: bytes | None) -> str:
    return masked(pretty(body.decode("utf-8", "replace"))) if body else ""
