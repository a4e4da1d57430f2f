"""*Log audit* and *Pekerjaan massal*: read-only lists of actions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from starlette.requests import Request

from admin.settings.base_view import SettingsView
from admin.settings.request import person_of, when
from admin.text.masking import masked
from admin.text.words import catalogue, say, sentence
from engine.database.tables import AuditEntry, Facility, Job
from engine.jobs.jobs import JobState


class Audit(SettingsView, model=AuditEntry):
    """Audit log, newest first."""

    word = "audit"
    icon = "history"
    columns = ("at", "actor", "action", "facility", "reason")
    newest_first = True

    def query(self, request: Request) -> Select[Any]:
        query = select(AuditEntry.__table__, Facility.name.label("facility"))
        query = query.join(Facility, Facility.id == AuditEntry.facility_id, isouter=True)
        only = person_of(request).facility_id
        return query if only is None else query.where(AuditEntry.facility_id == only)

    def cells(self, request: Request, row: Any) -> dict[str, Any]:
        has_message = f"audit.action.{row.action}" in catalogue()
        return {
            "at": when(request, row.at),
            "actor": row.actor,
            "action": say(f"audit.action.{row.action}") if has_message else row.action,
            "facility": row.facility or "",
            "reason": masked(f"#{row.delivery_id} {row.reason}" if row.delivery_id else sentence(row.reason)),
        }


class Jobs(SettingsView, model=Job):
    """Bulk actions of all clinics; the panel's page of a bulk action controls it."""

    word = "bulk"
    icon = "list-check"
    columns = ("at", "action", "state", "done", "facility", "actor", "reason")
    newest_first = True

    def query(self, request: Request) -> Select[Any]:
        query = select(Job.__table__, Facility.name.label("facility")).join(Facility, Facility.id == Job.facility_id)
        only = person_of(request).facility_id
        query = query.where(Job.state != JobState.DRAFT)
        return query if only is None else query.where(Job.facility_id == only)

    def cells(self, request: Request, row: Any) -> dict[str, Any]:
        return {
            "at": when(request, row.created_at),
            "action": say(f"job.action.{row.action}"),
            "state": say(f"job.state.{row.state}"),
            "done": f"{row.done} / {row.total}",
            "facility": row.facility,
            "actor": row.actor,
            "reason": row.reason,
        }

    def elsewhere(self, row: Any) -> str:
        """Return the address of the panel's page about the bulk action."""
        return f"/pekerjaan/{row.id}"
