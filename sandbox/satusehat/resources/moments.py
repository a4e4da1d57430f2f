"""Dates and times in the formats that the platform accepts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

FIRST_DAY = datetime(2014, 6, 3, tzinfo=UTC)
WARN_BEFORE = datetime(2022, 8, 31, tzinfo=UTC)
_FULL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d")


def parse_datetime(text: object) -> datetime | None:
    """Return a full dateTime with its zone, or None."""
    if not isinstance(text, str) or not _FULL.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def parse_date(text: object) -> date | None:
    """Return a date of the form YYYY-MM-DD, or None."""
    if not isinstance(text, str) or len(text) != 10:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def is_time(text: object) -> bool:
    """Return True for HH:mm:ss."""
    return isinstance(text, str) and _TIME.fullmatch(text) is not None
