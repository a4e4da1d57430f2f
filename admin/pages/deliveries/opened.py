"""One delivery that a person has opened: the frame of its tabs, and the actions that are allowed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson
from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import SkipValidation

from admin.http.parameters import Id
from admin.pages.shared.filters import ListFilters
from admin.pages.shared.formatting import list_row
from admin.pages.shared.layout import Layout
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from admin.people.permissions import Permission
from admin.text.words import number, say
from engine.database.rows import DeliveryRow
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.identifiers import masked
from engine.outbox.resend import ActionResult
from engine.queries import deliveries, paging
from engine.queries.deliveries import Detail, DetailedAttempt
from engine.queries.paging import Cursor
from engine.specs.record_type import Spec

MAX_BODY_CHARACTERS = 100_000  # of an edited body, and of the record it is made from
TABS = ("ringkasan", "request", "response", "percobaan", "asal", "audit")
ICONS = dict(zip(TABS, ("info-circle", "upload", "download", "history", "file-text", "clipboard-list"), strict=True))
WITHDRAWAL_RESULTS = {"withdrawn", "withdrawn_along", "not_withdrawn", "reinstated", "not_reinstated"}
# Results of an action that have a message of their own.
RESULTS_WITH_MESSAGE = {
    *ActionResult,
    "saved_before",
    "reason_missing",
    "ignored",
    "not_ignored",
    "final",
    *WITHDRAWAL_RESULTS,
} - {ActionResult.DONE}
# After these results the outcome of the delivery is message enough.
RESENT_RESULTS = {ActionResult.DONE, "saved"}
# No action: the page was open while the delivery was on its way.
AWAITED = "awaited"
# After these results the outcome is shown even when the delivery has settled.
RESULTS_WITH_OUTCOME = {*RESENT_RESULTS, AWAITED, ActionResult.ALREADY, "saved_before", *WITHDRAWAL_RESULTS}


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """A delivery of the chosen facility; `identifiers` are those at the masked places of its record."""

    hub: Hub
    layout: Layout
    facility: FacilityRow
    entry: Spec
    detail: Detail
    chosen: ListFilters
    identifiers: tuple[str, ...]
    revealed: bool = False

    @property
    def row(self) -> DeliveryRow:
        return self.detail.row

    @property
    def address(self) -> str:
        return f"/integrasi/{self.layout.upstream.name}/{self.entry.name}/{self.row.id}"

    def hide(self, text: str) -> str:
        """Return a text of the delivery with identifiers masked, unless they were revealed."""
        return text if self.revealed else masked(text, self.identifiers)

    def last_request(self) -> DetailedAttempt | None:
        """Return the newest attempt with a body, of the operation that is due next; None if there is none."""
        kind = self.entry.operation_for(self.row.reference)
        return next(
            (attempt for attempt in self.detail.attempts if attempt.operation == kind and attempt.request_size), None
        )

    async def context(self, tab: str, result: str = "") -> dict[str, Any]:
        """Return the context of the frame around a tab; links to other tabs carry `result`, that of an action."""
        tab = tab if tab in TABS else TABS[0]
        newer, older = await self._neighbours()
        return {
            "frame": self.layout,
            "spec": self.entry,
            "row": list_row(self.entry, self.layout, self.row),
            "delivery": self.row,
            "tries_made": len(self.detail.attempts),
            "address": self.address,
            "query": self.chosen.address(),
            "newer": newer,
            "older": older,
            "tab": tab,
            "tabs": {name: self.chosen.address(tab=name if name != TABS[0] else "", told=result) for name in TABS},
            "icons": ICONS,
            "bodies": self.layout.may(Permission.BODIES),
            "revealed": self.revealed,
            "stored": self.row.body is not None or self.last_request() is not None,
            "no": {
                "resend": self.no_resend(),
                "edit": self.no_edit(),
                "ignore": self.no_ignore(),
                "force": self.no_force(),
                "withdraw": self.no_withdrawal(),
                "reinstate": self._not_permitted(Permission.EDIT),
            },
            "can_withdraw": self.entry.withdrawal is not None,
        }

    async def _neighbours(self) -> tuple[str, str]:
        """Return the addresses of the next newer and older delivery that match the filter; empty if there is none."""
        place, database = Cursor(self.row.date, self.row.id), self.hub.database
        filters = await paging.newest(database, self.facility.id, self.chosen.filters([self.entry.name]))
        ids = await paging.neighbours(database, self.facility.id, filters, place)
        base = self.address.rpartition("/")[0]
        newer, older = (f"{base}/{id_}{self.chosen.address()}" if id_ else "" for id_ in ids)
        return newer, older

    async def next_failed(self) -> str:
        """Return the address of the nearest failed delivery of the list, an older one first; empty if none is left."""
        failed = replace(self.chosen, statuses=(Status.FAILED,)).filters([self.entry.name])
        place = Cursor(self.row.date, self.row.id)
        newer, older = await paging.neighbours(self.hub.database, self.facility.id, failed, place)
        id_ = older or newer
        return f"{self.address.rpartition('/')[0]}/{id_}{self.chosen.address()}" if id_ else ""

    def no_resend(self) -> str:
        """Return why the delivery may not be resent, in words; empty if it may."""
        if self.row.withdrawn_at is not None and self.row.status == Status.IGNORED:
            return say("delivery.no.resend.withdrawn")
        return self._not_permitted(Permission.RESEND) or _no(self.row.status, "resend", _IN_HAND)

    def no_force(self) -> str:
        """Return why a sent delivery may not be resent."""
        return self._not_permitted(Permission.RESEND) or self._final()

    def no_edit(self) -> str:
        """Return why the body may not be edited."""
        for permission in (Permission.EDIT, Permission.BODIES):
            if refusal := self._not_permitted(permission):
                return refusal
        if self.entry.payload_for(self.entry.operation_for(self.row.reference)) is None:
            return say("delivery.no.edit.lookup")
        if len(self.row.record) > MAX_BODY_CHARACTERS:
            return say("delivery.no.edit.too_long", most=number(MAX_BODY_CHARACTERS))
        return self._final() or _no(self.row.status, "edit", {Status.SENDING})

    def no_ignore(self) -> str:
        """Return why the delivery may not be ignored."""
        return self._not_permitted(Permission.RESEND) or _no(self.row.status, "ignore", _ENDED)

    def no_withdrawal(self) -> str:
        """Return why the record may not be withdrawn."""
        if self.entry.withdrawal is None:
            return say("delivery.no.withdraw.type")
        return self._not_permitted(Permission.EDIT) or (
            say("delivery.no.withdraw.withdrawn") if self.row.withdrawn_at is not None else ""
        )

    def _final(self) -> str:
        """Return a message if the upstream has the delivery and accepts no update of it."""
        fixed = self.entry.update is None and self.entry.operation_for(self.row.reference) == "update"
        return say("delivery.no.update") if fixed else ""

    def _not_permitted(self, permission: Permission) -> str:
        if self.layout.may(permission):
            return ""
        return say("delivery.no.permission", permission=say(f"permission.{permission}"))


_IN_HAND = {Status.SENDING, Status.QUEUED, Status.BLOCKED}
_ENDED = {Status.SENDING, Status.SENT, Status.IGNORED}


def _no(status: str, action: str, refused: set[Status]) -> str:
    return say(f"delivery.no.{action}.{status}") if status in refused else ""


async def open_delivery(request: Request[Any, Any, Any], opened_type: OpenedType, id_: Id) -> OpenDelivery:
    """Return the delivery; raise 404 if it does not exist, is of another type or of another facility."""
    hub, entry, facility = opened_type.hub, opened_type.entry, opened_type.facility()
    detail = await deliveries.one(hub.database, facility.id, id_)
    if detail is None or detail.row.spec != entry.name:
        raise NotFoundException(say("error.not_found"))
    chosen = ListFilters.read(request.query_params, entry)
    identifiers = entry.identifiers(orjson.loads(detail.row.record))
    return OpenDelivery(hub, opened_type.layout, facility, entry, detail, chosen, identifiers)


# Dependency of handlers whose path names a delivery by `upstream`, `spec` and `id_`.
Opened = NamedDependency[SkipValidation[OpenDelivery]]
OPENED = {**OPENED_TYPE, "opened": Provide(open_delivery)}
