"""*Log audit* and *Pekerjaan massal*: read-only lists of actions."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select
from starlette.requests import Request

from admin.settings.base_view import SettingsView
from admin.settings.request import person_of, when
from admin.text.masking import masked
from admin.text.words import catalogue, say, sentence
from engine.database.tables import AuditEntry, Facility, Job
from engine.jobs.jobs import JobState


class _AuditRow(NamedTuple):
    id: int
    at: int
    actor: str
    action: str
    facility: str | None
    delivery_id: int | None
    reason: str


class Audit(SettingsView[_AuditRow], model=AuditEntry):
    """Audit log, newest first."""

    row = _AuditRow
    word = "audit"
    icon = "history"
    columns = ("at", "actor", "action", "facility", "reason")
    newest_first = True

    def query(self, request: Request) -> Select[Any]:
        query = self.columns_of_row(facility=Facility.name)
        query = query.outerjoin(Facility, Facility.id == AuditEntry.facility_id)
        only = person_of(request).facility_id
        return query if only is None else query.where(AuditEntry.facility_id == only)

    def cells(self, request: Request, row: _AuditRow) -> dict[str, Any]:
        has_message = f"audit.action.{row.action}" in catalogue()
        return {
            "at": when(request, row.at),
            "actor": row.actor,
            "action": say(f"audit.action.{row.action}") if has_message else row.action,
            "facility": row.facility or "",
            "reason": masked(f"#{row.delivery_id} {row.reason}" if row.delivery_id else sentence(row.reason)),
        }


class _JobRow(NamedTuple):
    id: int
    created_at: int
    action: str
    state: str
    done: int
    total: int
    facility: str
    actor: str
    reason: str


class Jobs(SettingsView[_JobRow], model=Job):
    """Bulk actions of all clinics; the panel's page of a bulk action controls it."""

    row = _JobRow
    word = "bulk"
    icon = "list-check"
    columns = ("at", "action", "state", "done", "facility", "actor", "reason")
    newest_first = True

    def query(self, request: Request) -> Select[Any]:
        query = self.columns_of_row(facility=Facility.name).join(Facility, Facility.id == Job.facility_id)
        only = person_of(request).facility_id
        query = query.where(Job.state != JobState.DRAFT)
        return query if only is None else query.where(Job.facility_id == only)

    def cells(self, request: Request, row: _JobRow) -> dict[str, Any]:
        return {
            "at": when(request, row.created_at),
            "action": say(f"job.action.{row.action}"),
            "state": say(f"job.state.{row.state}"),
            "done": f"{row.done} / {row.total}",
            "facility": row.facility,
            "actor": row.actor,
            "reason": row.reason,
        }

    def elsewhere(self, row: _JobRow) -> str:
        """Return the address of the panel's page about the bulk action."""
        return f"/pekerjaan/{row.id}"
