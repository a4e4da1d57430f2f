"""Filters of templates: times, dates, masking, and Jinja's text and number filters without their silent guesses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Undefined

from engine.templates import cleaning
from engine.templates.runtime import bounded, number, safe, text

UNMASKED_CHARACTERS = 4  # at the end of a text that `mask` hides
MAX_DECIMALS = 15  # of `round`
RECURRING_TIMES = 256  # results of `utc` that are kept
MAX_RECURRING_CHARACTERS = 40  # of such a date-time; its fraction of a second may have any length


def parse_time(value: Any, time_zone: str) -> datetime:
    """Parse an ISO 8601 date-time with minutes; without an offset it is in the facility's zone. Raises ValueError."""
    # fromisoformat also accepts week dates, bare hours and dates; the checks of positions exclude them.
    if not isinstance(value, str) or len(value) < 16 or value[7] != "-" or value[10] not in "T " or value[13] != ":":
        raise ValueError(f"{value!r} is no date-time; write YYYY-MM-DDThh:mm:ss+07:00")
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no date-time ({error}); write YYYY-MM-DDThh:mm:ss+07:00") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=ZoneInfo(time_zone))


def utc(value: Any, time_zone: str) -> str | None:
    """Return a date-time as YYYY-MM-DDThh:mm:ss+00:00; null stays null. SatuSehat asks for UTC."""
    if value is None:
        return None
    recurring = isinstance(value, str) and len(value) <= MAX_RECURRING_CHARACTERS
    return _recurring_utc(value, time_zone) if recurring else _utc(value, time_zone)


def _utc(value: Any, time_zone: str) -> str:
    try:
        return parse_time(value, time_zone).astimezone(UTC).isoformat(timespec="seconds")
    except OverflowError:
        raise ValueError(f"{value!r} is out of range; write a year between 0002 and 9998") from None


# Half of the date-times of a payload occur in it more than once.
_recurring_utc = lru_cache(RECURRING_TIMES)(_utc)


def local_date(value: Any, time_zone: str) -> Any:
    """Return the date of a date or date-time in the facility's zone, YYYY-MM-DD; null stays null."""
    if value is None:
        return None
    if isinstance(value, str) and len(value) == 10 and value[7] == "-":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise ValueError(f"{value!r} is no date ({error}); write YYYY-MM-DD") from None
    try:
        return parse_time(value, time_zone).astimezone(ZoneInfo(time_zone)).date().isoformat()
    except OverflowError:
        raise ValueError(f"{value!r} is out of range; write a year between 0002 and 9998") from None


def before(value: Any, *others: Any, time_zone: str) -> bool:
    """Return whether a date or date-time is earlier than any of the others; null is never earlier or later.

    A date is compared by the day alone.
    """
    return value is not None and any(_earlier(value, other, time_zone) for other in others if other is not None)


def _earlier(value: Any, other: Any, time_zone: str) -> bool:
    if len(value) == len("2026-03-10") or len(other) == len("2026-03-10"):
        return bool(local_date(value, time_zone) < local_date(other, time_zone))
    return bool(utc(value, time_zone) < utc(other, time_zone))  # type: ignore[operator]


def minutes_until(value: Any, end: Any, time_zone: str) -> int | None:
    """Return the whole minutes from one date-time to a later one; null if either is null."""
    if value is None or end is None:
        return None
    seconds = (parse_time(end, time_zone) - parse_time(value, time_zone)).total_seconds()
    return int(seconds // 60)


def epoch_ms(value: Any, time_zone: str) -> int | None:
    """Return a date-time as milliseconds since 1970; null stays null."""
    return None if value is None else int(parse_time(value, time_zone).timestamp() * 1000)


def mask(value: Any) -> str | None:
    """Replace all but the last four characters with *; a shorter text is hidden completely."""
    if value is None:
        return None
    plain = text(value)
    hidden = len(plain) - UNMASKED_CHARACTERS
    return "*" * hidden + plain[hidden:] if hidden > 0 else "*" * len(plain)


def on_text(change: Callable[..., str]) -> Callable[..., str | None]:
    """Return the text filter with null left as it is: Jinja would turn null into the text "None"."""

    def changed(value: Any, *arguments: Any, **named: Any) -> str | None:
        return None if value is None else change(text(value), *arguments, **named)

    return changed


def replace(value: str, old: str, new: str, count: int = -1) -> str:
    """Replace every (or the first `count`) `old` with `new`; a result beyond the bounds is refused."""
    if not old:
        raise ValueError("cannot replace an empty text")
    bounded(len(value) + value.count(old) * max(len(new) - len(old), 0))
    return value.replace(old, new, count)


def truncate(value: str, length: int = 255) -> str:
    """Return the first `length` characters without an ellipsis, which could not be part of a code."""
    return value[:length]


def zfill(value: str, width: int) -> str:
    """Pad with zeros on the left up to the width."""
    return value.zfill(int(bounded(width)))


def join(value: Any, separator: str = "", attribute: str | None = None) -> str | None:
    """Join the items to one text; a null item is an error, null itself stays null."""
    if value is None:
        return None
    items = [text(item if attribute is None else item[attribute]) for item in value]
    bounded(sum(map(len, items)) + len(separator) * len(items))
    return separator.join(items)


def urlencode(value: Any) -> str | None:
    """Percent-encode for one segment of a path or query; null stays null."""
    return None if value is None else quote(text(value), safe="")


def default(value: Any, instead: Any = "", empty_too: bool = False) -> Any:
    """Return `instead` for undefined or null (an absent field is null), with `empty_too` also for an empty value."""
    if value is None or isinstance(value, Undefined):
        return instead
    return value or instead if empty_too else value


def integer(value: Any, default: int | None = None) -> Any:
    """Convert to a whole number. Null gives the default; any other value that is no number is an error without one."""
    return _converted(int, value, default)


def decimal(value: Any, default: float | None = None) -> Any:
    """Convert to a number with decimals, by the same rules as `integer`."""
    return _converted(float, value, default)


def _converted(kind: Callable[[Any], Any], value: Any, instead: Any) -> Any:
    if value is None:
        return instead
    try:
        return safe(kind(value))
    except (TypeError, ValueError, OverflowError):
        if instead is None:
            raise ValueError(f"{value!r} is no number") from None
        return instead


def rounded(value: Any, precision: int = 0) -> Any:
    """Round half to even, to `precision` decimals or to a whole number; null stays null."""
    if value is None:
        return None
    if not 0 <= precision <= MAX_DECIMALS:
        raise ValueError(f"round takes 0 to {MAX_DECIMALS} decimals")
    return round(number(value), precision) if precision else round(number(value))


def listed(value: Any) -> list[Any] | None:
    """Return the items as a list; null stays null, and a text is not split into characters."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{value!r} is no list")
    return list(value)


# Filters that take the facility's time zone as their last argument.
ZONED: dict[str, Callable[..., Any]] = {
    "utc": utc,
    "before": before,
    "local_date": local_date,
    "minutes_until": minutes_until,
    "epoch_ms": epoch_ms,
    "moment": cleaning.moment,
}

# Filters that need only a value and their own arguments.
PLAIN: dict[str, Callable[..., Any]] = {
    "d": default,
    "default": default,
    "blank": cleaning.blank,
    "capitalize": on_text(str.capitalize),
    "date": cleaning.plain_date,
    "day": cleaning.day,
    "digits": cleaning.digits,
    "float": decimal,
    "int": integer,
    "join": join,
    "list": listed,
    "lower": on_text(str.lower),
    "mask": mask,
    "number": cleaning.number,
    "numeric": cleaning.numeric,
    "part": cleaning.part,
    "replace": on_text(replace),
    "round": rounded,
    "string": on_text(str),
    "title": on_text(str.title),
    "trim": on_text(str.strip),
    "truncate": on_text(truncate),
    "upper": on_text(str.upper),
    "urlencode": urlencode,
    "zfill": on_text(zfill),
}


def _method(change: Callable[..., Any]) -> Callable[..., Any]:
    def called(value: Any, *arguments: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is no text and has no methods")
        return change(value, *arguments)

    return called


# Methods of texts that templates may call; nothing else can be called.
METHODS: dict[str, Callable[..., Any]] = {
    "endswith": _method(str.endswith),
    "isdigit": _method(str.isdigit),
    "lower": _method(str.lower),
    "lstrip": _method(str.lstrip),
    "removeprefix": _method(str.removeprefix),
    "removesuffix": _method(str.removesuffix),
    "replace": _method(replace),
    "rsplit": _method(str.rsplit),
    "rstrip": _method(str.rstrip),
    "split": _method(str.split),
    "startswith": _method(str.startswith),
    "strip": _method(str.strip),
    "upper": _method(str.upper),
}
