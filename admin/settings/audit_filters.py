"""Filters of the audit log, as the query of its address carries them, and the words for actions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request

from admin.http.parameters import MAX_INTEGER
from admin.pages.shared.date_field import read_days, written_period
from admin.text.words import catalogue, language, say
from engine.facilities.facilities import FacilityRow
from engine.queries.audit_log import AuditFilters, AuditText

ACTION = "audit.action."  # prefix of the message keys
MAX_CHARACTERS = 200  # of one condition
FIELDS = ("text", "actor", "action", "facility", "date_from", "date_to")  # of an address


@dataclass(frozen=True, slots=True)
class AuditChoice:
    """Conditions that a person has chosen; an empty or invalid condition matches everything. Days are inclusive."""

    text: str = ""
    actor: str = ""
    action: str = ""
    facility: int | None = None
    date_from: str = ""
    date_to: str = ""

    @classmethod
    def read(cls, request: Request) -> AuditChoice:
        """Read the query of the address."""
        fields = {name: _tidy(request.query_params.get(name, "")) for name in (*FIELDS, "date")}
        facility = fields["facility"]
        try:
            first, last = read_days(fields["date"], fields["date_from"], fields["date_to"])
        except ValueError:
            first = last = ""
        return cls(
            text=fields["text"],
            actor=fields["actor"],
            action=fields["action"] if fields["action"] in action_labels() else "",
            facility=int(facility) if facility.isdecimal() and int(facility) <= MAX_INTEGER else None,
            date_from=first,
            date_to=last,
        )

    def __bool__(self) -> bool:
        return self != AuditChoice()

    @property
    def narrowed(self) -> bool:
        """Return whether anything but a text is chosen."""
        return replace(self, text="") != AuditChoice()

    @property
    def period(self) -> str:
        """Return the days as the date field shows them."""
        return written_period(self.date_from, self.date_to)

    def during(self, date_from: str, date_to: str) -> AuditChoice:
        """Return the same conditions for other days."""
        return replace(self, date_from=date_from, date_to=date_to)

    def address(self, **more: str) -> str:
        """Return the query of an address, with its question mark."""
        conditions = {name: getattr(self, name) for name in FIELDS} | more
        return f"?{urlencode({name: value for name, value in conditions.items() if value})}"

    def filters(self, facility_id: int | None, clinic: FacilityRow | None, named: tuple[int, ...]) -> AuditFilters:
        """Return the conditions; days are those of the clinic, `named` are deliveries that the text names."""
        zone = ZoneInfo(clinic.time_zone if clinic else "Asia/Jakarta")
        words = self.text.casefold()
        actions = tuple(name for name, label in action_labels().items() if words in label.casefold())
        return AuditFilters(
            facility_id=facility_id,
            actor=self.actor or None,
            action=self.action or None,
            since=_begin(self.date_from, 0, zone),
            until=_begin(self.date_to, 1, zone),
            text=AuditText(self.text, actions, named) if self.text else None,
        )


def action_labels() -> dict[str, str]:
    """Return action -> its words, in the order of the words."""
    prefixed = {key: words for key, words in catalogue(language()).items() if key.startswith(ACTION)}
    return {key.removeprefix(ACTION): words for key, words in sorted(prefixed.items(), key=lambda pair: pair[1])}


def action_label(action: str) -> str:
    """Return the words for an action; an action of an older Antar may have none."""
    return say(f"audit.action.{action}") if f"{ACTION}{action}" in catalogue() else action


def _tidy(text: Any) -> str:
    return str(text).replace("\x00", "").strip()[:MAX_CHARACTERS]


def _begin(day: str, later: int, zone: ZoneInfo) -> int | None:
    """Return when the day, or a later one, begins in the zone (epoch milliseconds)."""
    try:
        begin = date.fromisoformat(day) + timedelta(days=later)
        return int(datetime(begin.year, begin.month, begin.day, tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
