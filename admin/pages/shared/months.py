"""Months in addresses (`2026-03`)."""

from __future__ import annotations

from datetime import date, timedelta

from litestar.exceptions import NotFoundException

from admin.text.words import say

FIRST_YEAR = 2000
LONGEST_MONTH = timedelta(days=31)


def first_day(month: str) -> date:
    """Return the first day of a month; raise 404 if the text names none."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise NotFoundException(say("error.not_found")) from None
    if not FIRST_YEAR <= first.year < date.max.year:
        raise NotFoundException(say("error.not_found"))
    return first


def last_day(first: date) -> date:
    """Return the last day of the month that begins on a day."""
    return (first + LONGEST_MONTH).replace(day=1) - timedelta(days=1)
