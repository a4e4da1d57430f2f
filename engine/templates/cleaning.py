"""Filters that clean what clinics' systems store: empty marks, numbers as texts, dates and times in two columns."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.templates.runtime import number as checked_number
from engine.templates.runtime import safe, text

# Texts by which systems say that there is nothing.
BLANKS = {"", "-", "0000-00-00", "0000-00-00 00:00:00"}
_NUMBER = re.compile(r"([+-]?\d+)(?:[.,](\d+))?[^\d]*")  # a unit may follow
_NUMERIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")  # 5.600 may be 5600 or 5,6
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ].*)?|(\d{1,2})[-/](\d{1,2})[-/](\d{4})(?:[T ].*)?")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?")
_DAY_FORMAT = re.compile(r"(?:%[Ymdyj%]|[^%])*")


def blank(value: Any) -> Any:
    """Return a text without white space around it, null if it says that there is nothing ('', '-', '0000-00-00')."""
    if not isinstance(value, str):
        return value
    stripped = value.strip()
    return None if stripped in BLANKS else stripped


def number(value: Any) -> Any:
    """Return the number of a text with a comma or a point, which a unit may follow; null if it is blank."""
    value = blank(value)
    if value is None or not isinstance(value, str):
        return None if value is None else checked_number(value)
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is no number")
    whole, decimals = found.groups()
    return safe(int(whole) if decimals is None else float(f"{whole}.{decimals}"))


def numeric(value: Any) -> Any:
    """Return the number of a text that is nothing but one; null for anything else, and for one that has two readings.

    "5.600" has two: thousands are written with a point, too.
    """
    value = blank(value)
    if not isinstance(value, str):
        return None if value is None else checked_number(value)
    return number(value) if _NUMERIC.fullmatch(value) and not _GROUPED.fullmatch(value) else None


def digits(value: Any, count: int) -> str | None:
    """Return a text of exactly so many digits; null for anything else."""
    value = None if value is None else text(value).strip()
    return value if value is not None and len(value) == count and value.isascii() and value.isdigit() else None


def plain_date(value: Any) -> str | None:
    """Return YYYY-MM-DD of a date, also with slashes, with the day first or with a time; null if it is blank."""
    value = blank(value)
    if value is None:
        return None
    found = _DATE.fullmatch(text(value))
    if found is None:
        raise ValueError(f"{value!r} is no date; it must be as 2026-03-31 or 31-03-2026")
    parts = [part for part in found.groups() if part is not None]
    year, month, day = map(int, parts if found.group(1) else reversed(parts))
    try:
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise ValueError(f"{value!r} is no date ({error})") from None


def moment(value: Any, time_zone: str) -> str | None:
    """Return a date-time with the facility's offset, from one text or from [date, time]; null if a part is blank."""
    parts = value if isinstance(value, list) else _split(blank(value))
    if len(parts) != 2:
        raise ValueError(f"{value!r} is no date and time; write [date, time]")
    day, clock = plain_date(parts[0]), blank(parts[1])
    if day is None or clock is None:
        return None
    found = _TIME.fullmatch(text(clock))
    if found is None:
        raise ValueError(f"{clock!r} is no time; it must be as 08:30:00")
    hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        local = datetime.fromisoformat(day).replace(hour=hour, minute=minute, second=second)
    except ValueError as error:
        raise ValueError(f"{clock!r} is no time ({error})") from None
    return local.replace(tzinfo=ZoneInfo(time_zone)).isoformat()


def _split(value: Any) -> list[Any]:
    """Return date and time of one text; [null, null] if there is none."""
    return [None, None] if value is None else re.split(r"[T ]", text(value), maxsplit=1)


def part(value: Any, separator: str, index: int) -> str | None:
    """Return a part of a text between separators, counted from 0; null if there is no such part or it is blank."""
    if value is None:
        return None
    parts = text(value).split(separator)
    found: str | None = blank(parts[index]) if -len(parts) <= index < len(parts) else None
    return found


def day(value: Any, form: str) -> str | None:
    """Return a date in another form, of %Y, %m, %d, %y and %j: `first | day('%Y/%m/%d')`."""
    if value is None:
        return None
    if not _DAY_FORMAT.fullmatch(form):
        raise ValueError(f"{form!r} is no form of a day; use %Y, %m, %d, %y and %j")
    return date.fromisoformat(text(value)).strftime(form)
