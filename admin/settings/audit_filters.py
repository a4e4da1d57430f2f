"""Filters of the audit log, as the query of its address carries them, and the words for actions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request

from admin.http.parameters import MAX_INTEGER
from admin.pages.shared.formatting import day
from admin.text.words import catalogue, language, say
from engine.facilities.facilities import FacilityRow
from engine.queries.audit_log import AuditFilters, AuditText

ACTION = "audit.action."  # prefix of the message keys
MAX_CHARACTERS = 200  # of one condition
_TYPED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
FIELDS = ("text", "actor", "action", "facility", "date_from", "date_to")


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
        fields = {name: _tidy(request.query_params.get(name, "")) for name in FIELDS}
        facility = fields["facility"]
        return cls(
            text=fields["text"],
            actor=fields["actor"],
            action=fields["action"] if fields["action"] in action_labels() else "",
            facility=int(facility) if facility.isdecimal() and int(facility) <= MAX_INTEGER else None,
            date_from=_day(fields["date_from"]),
            date_to=_day(fields["date_to"]),
        )

    def __bool__(self) -> bool:
        return self != AuditChoice()

    @property
    def narrowed(self) -> bool:
        """Return whether anything but a text is chosen."""
        return replace(self, text="") != AuditChoice()

    @staticmethod
    def shown(day_: str) -> str:
        """Return a day as it is typed: dd/mm/yyyy."""
        return day(day_) if day_ else ""

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


def _day(text: str) -> str:
    """Return a day, typed as dd/mm/yyyy or YYYY-MM-DD, as YYYY-MM-DD; empty if the text is none."""
    typed = _TYPED.fullmatch(text)
    if typed:
        text = f"{typed[3]}-{typed[2]:0>2}-{typed[1]:0>2}"
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _begin(day: str, later: int, zone: ZoneInfo) -> int | None:
    """Return when the day, or a later one, begins in the zone (epoch milliseconds)."""
    try:
        begin = date.fromisoformat(day) + timedelta(days=later)
        return int(datetime(begin.year, begin.month, begin.day, tzinfo=zone).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
