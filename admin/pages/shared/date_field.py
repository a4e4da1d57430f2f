"""Date field of the panel: one text for a day or a period, written as Indonesia writes dates, dd/mm/yyyy."""

from __future__ import annotations

import re
from datetime import date

from admin.pages.shared.formatting import day

_DAY = r"\d{4}-\d\d-\d\d|\d\d?[/.-]\d\d?[/.-]\d{4}"
# Two days with a dash, "s.d." or "sampai" between them; one of them may be missing.
_PERIOD = re.compile(rf"({_DAY})?\s*(?:(–|-|s\.?\s?d\.?|sampai)\s*({_DAY})?)?", re.ASCII | re.IGNORECASE)


def read_day(text: str) -> str:
    """Return a day as YYYY-MM-DD; takes dd/mm/yyyy too. Raises ValueError."""
    if not re.fullmatch(_DAY, text, re.ASCII):
        raise ValueError(text)
    parts = [int(part) for part in re.split(r"[/.-]", text)]
    year, month, number = parts if text[4:5] == "-" else reversed(parts)
    return date(year, month, number).isoformat()


def read_period(text: str) -> tuple[str, str]:
    """Return first and last day as YYYY-MM-DD, empty where the period is open. Raises ValueError."""
    match = _PERIOD.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    first, last = (read_day(part) if part else "" for part in match.group(1, 3))
    if not match[2]:
        return first, first
    return (last, first) if first and last and last < first else (first, last)


def read_days(written: str, first: str, last: str) -> tuple[str, str]:
    """Return first and last day: of what a person wrote into the field, else of two single days. Raises ValueError."""
    return read_period(written) if written else (read_day(first) if first else "", read_day(last) if last else "")


def written_period(first: str, last: str) -> str:
    """Return the text that `read_period` reads: a day, two days with a dash between them, or nothing."""
    if first == last:
        return day(first)
    return f"{day(first)} – {day(last)}".strip()
