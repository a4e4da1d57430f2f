"""*Log audit*: who did what, when and why; searched, filtered, with links, and exported."""

from __future__ import annotations

import builtins
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from sqladmin import expose
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from admin.http.parameters import MAX_INTEGER
from admin.pages.shared.csv_text import as_csv
from admin.pages.shared.layout import permitted
from admin.people import users
from admin.people.permissions import Permission
from admin.settings.audit_filters import AuditChoice, action_label, action_labels
from admin.settings.base_view import PAGE_ROWS, Keyset, SettingsView
from admin.settings.request import layout_of, person_of, when
from admin.text.words import localized, say, sentence
from engine.database.tables import AuditEntry
from engine.identifiers import masked
from engine.queries import audit_log
from engine.queries.audit_log import AuditCursor, AuditFilters, AuditPage, LoggedAction

CHUNK_ROWS = 500  # of an export, in memory at once
_JOB = re.compile(r"#(\d{1,15})\b")  # how the reason of an entry about a bulk action begins


class Subject(NamedTuple):
    """Subject of an entry: words, the patient or item, and the address of its page; empty if it has none."""

    words: str
    about: str = ""
    href: str = ""

    def __str__(self) -> str:
        return f"{self.words} {self.about}".strip()


class Audit(SettingsView[LoggedAction], model=AuditEntry):
    """Audit log, newest first."""

    row = LoggedAction
    word = "audit"
    icon = "history"
    columns = ("at", "actor", "action", "subject", "facility", "reason")
    list_template = "sqladmin/audit.html"

    async def list(self, request: Request) -> Keyset:
        """Return a page of entries; its addresses repeat the filter."""
        choice, after = AuditChoice.read(request), AuditCursor.read(request.query_params.get("after", ""))
        page = await self._page(request, choice, PAGE_ROWS, after)
        request.state.searched_until = None if page.complete or page.after is None else when(request, page.after.at)
        return Keyset(
            page.rows,
            1,
            PAGE_ROWS,
            len(page.rows),
            first=choice.address() if after else "",
            older=choice.address(after=str(page.after)) if page.after else "",
        )

    async def list_context(self, request: Request) -> dict[str, Any]:
        person = person_of(request)
        return {
            "chosen": AuditChoice.read(request),
            "actions": action_labels(),
            "people": await users.names(self.hub.database, person.facility_id),
            "clinics": await permitted(self.hub, person),
        }

    async def one(self, request: Request, key: str) -> LoggedAction | None:
        if not key.isdecimal() or int(key) > MAX_INTEGER:
            return None
        rows, only = await audit_log.by_ids(self.hub.database, [int(key)]), person_of(request).facility_id
        return next((row for row in rows if only in (None, row.facility_id)), None)

    def cells(self, request: Request, row: LoggedAction) -> dict[str, Any]:
        return {
            "at": when(request, row.at),
            "actor": row.actor,
            "action": action_label(row.action),
            "subject": self._subject(request, row),
            "facility": row.facility or "",
            "reason": masked(sentence(row.reason)),
        }

    @expose("/ekspor", methods=["POST"])
    async def export(self, request: Request) -> Response:
        """Export all entries that match the filter as CSV; the export is an entry itself."""
        self.demand(request)
        choice, only = AuditChoice.read(request), person_of(request).facility_id
        await self.note(request, "audit.export", choice.address().removeprefix("?"), only)
        headers = {"Content-Disposition": 'attachment; filename="antar-audit.csv"'}
        return StreamingResponse(self._lines(request, choice), media_type="text/csv; charset=utf-8", headers=headers)

    async def _lines(self, request: Request, choice: AuditChoice) -> AsyncIterator[str]:
        # The byte order mark makes spreadsheets read the file as UTF-8.
        yield "\ufeff" + as_csv([[self.label(name) for name in self.columns]])
        after: AuditCursor | None = None
        while True:
            page = await self._page(request, choice, CHUNK_ROWS, after)
            yield as_csv([_texts(self.cells(request, row)) for row in page.rows])
            after = page.after
            if after is None:
                return

    async def _page(self, request: Request, choice: AuditChoice, size: int, after: AuditCursor | None) -> AuditPage:
        """Return a page of what the person may see; without a row of which only masked digits match the text."""
        filters = await self._filters(request, choice)
        page = await audit_log.page(self.hub.database, filters, size, after)
        text = filters.text
        if text is None:
            return page
        rows = [row for row in page.rows if row.delivery_id in text.deliveries or self._matches(request, row, choice)]
        return AuditPage(rows, page.after, page.complete)

    async def _filters(self, request: Request, choice: AuditChoice) -> AuditFilters:
        person = person_of(request)
        visible = [row.id for row in await permitted(self.hub, person)]
        named: tuple[int, ...] = ()
        if choice.text and person.may(Permission.SATUSEHAT):
            named = await audit_log.deliveries_named(self.hub.database, visible, choice.text)
        only = person.facility_id if choice.facility is None or choice.facility not in visible else choice.facility
        return choice.filters(only, layout_of(request).facility, named)

    def _matches(self, request: Request, row: LoggedAction, choice: AuditChoice) -> bool:
        cells = self.cells(request, row)
        shown = (cells["reason"], row.actor, cells["action"])
        return any(choice.text.casefold() in text.casefold() for text in shown)

    def _subject(self, request: Request, row: LoggedAction) -> Subject | str:
        """Return the delivery, bulk action or item; names and links only for a person who may open its page."""
        person, catalog = person_of(request), self.hub.catalog
        if row.delivery_id is not None:
            spec = catalog.specs.get(row.spec or "")
            words = f"{localized(spec.label)} #{row.delivery_id}" if spec else f"#{row.delivery_id}"
            if spec is None or not person.may(Permission.SATUSEHAT):
                return Subject(words)
            patient = masked(" · ".join(filter(None, (row.patient, row.norm))))
            return Subject(words, patient, f"/integrasi/{spec.upstream.name}/{spec.name}/{row.delivery_id}")
        job = _JOB.match(row.reason) if row.action.startswith("job.") else None
        if job is not None:
            href = f"/pekerjaan/{job[1]}" if person.may(Permission.BULK) else ""
            return Subject(say("settings.audit.job", n=job[1]), "", href)
        mapping = next((mapping for mapping in catalog.mappings.values() if mapping.item == row.item), None)
        if mapping is None or not person.may(Permission.SATUSEHAT):
            return ""
        return Subject(localized(mapping.label), row.item_name or "", f"/pemetaan/{mapping.name}/{row.item_id}")

    def facts(self, request: Request, row: LoggedAction) -> builtins.list[tuple[str, Any]]:
        return [
            (self.label(name), value) for name, value in self.cells(request, row).items() if value not in ("", None)
        ]


def _texts(cells: Mapping[str, Any]) -> builtins.list[str]:
    """Return cells as the texts of a CSV row."""
    return [value.local if hasattr(value, "local") else str(value or "") for value in cells.values()]
