"""Runtime of generated code: access to keys, arithmetic within bounds, texts, and removal of empty values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, UndefinedError
from jinja2.runtime import Undefined

from engine.json_text import MAX_INTEGER, MIN_INTEGER
from engine.source.faults import did_you_mean

# Characters or items in the result of one expression; a record may contain a document of some megabytes.
MAX_SIZE = 10_000_000


def attribute(value: Any, name: Any, owner: str) -> Any:
    """Return a key of a mapping or an item of a list, never a Python attribute: `record.items` is the key."""
    try:
        return value[name]
    except (KeyError, IndexError, TypeError):
        raise UndefinedError(missing(value, name, owner)) from None


def soft_attribute(value: Any, name: Any, owner: str) -> Any:
    """Return the same for `default` and `is defined`: a missing key is undefined instead of an error."""
    try:
        return value[name]
    except (KeyError, IndexError, TypeError):
        return StrictUndefined(missing(value, name, owner))


def soft_name(scope: Mapping[str, Any], name: str) -> Any:
    """Return a name of the context for `default` and `is defined`."""
    return scope[name] if name in scope else StrictUndefined(f"{name!r} is undefined")


def missing(value: Any, name: Any, owner: str) -> str:
    """Return the message for a missing key."""
    if value is None:
        return f"{owner} is null and has no {name!r}"
    if isinstance(value, Mapping):
        return f"{name!r} is undefined in {owner}{did_you_mean(str(name), value)}"
    return f"{owner} is {kind(value)} and has no {name!r}"


def kind(value: Any) -> str:
    """Return the name of the type of a JSON value, for messages."""
    match value:
        case bool():
            return "a boolean"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "null"
    return f"a {type(value).__name__}"


def defined(value: Any) -> Any:
    """Return the value; raises UndefinedError if a filter (first, last, min, max) had nothing to return."""
    if isinstance(value, Undefined):
        # The message is in a private method of Jinja; any use of the value raises it.
        str(value)
    return value


def text(value: Any) -> str:
    """Return a value as part of a text. Null, lists and mappings are errors: an identifier must not contain "None"."""
    if value.__class__ is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    if value is None:
        raise ValueError("null inside a text; give it a default or drop the whole with $if")
    raise ValueError(f"{kind(defined(value))} inside a text; pick one of its values")


def segment(value: Any) -> str:
    """Return a value as part of a URL's path, encoded so that it cannot leave the path; empty is an error.

    An empty segment would address the whole collection instead of one record.
    """
    part = text(value)
    if part in ("", ".", ".."):
        raise ValueError(f"{part!r} inside a path; it would lead elsewhere")
    return quote(part, safe="")


def bounded(size: float) -> float:
    """Return the size; raises ValueError if it is beyond MAX_SIZE."""
    if size > MAX_SIZE:
        raise ValueError(f"the result would be larger than {MAX_SIZE} characters or items")
    return size


def number(value: Any) -> int | float:
    """Return the value if it is a number, else raise: texts and lists must not be multiplied or formatted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{kind(defined(value))} where a number belongs: {value!r}")
    return value


def safe(value: Any) -> Any:
    """Return the number if JSON can contain it: 64 bits as in submitted records, no infinity and no NaN."""
    if not (MIN_INTEGER <= value <= MAX_INTEGER if isinstance(value, int) else math.isfinite(value)):
        raise ValueError("the number is too large or none at all")
    return value


def arithmetic(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the operator for numbers only, with a result that JSON can contain."""

    def operated(left: Any, right: Any) -> Any:
        return safe(operate(number(left), number(right)))

    return operated


def add(left: Any, right: Any) -> Any:
    """Add numbers, join texts, join lists."""
    if isinstance(left, str) and isinstance(right, str):
        bounded(len(left) + len(right))
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        bounded(len(left) + len(right))
        return left + right
    if isinstance(left, (str, list)):
        raise ValueError(f"cannot add {kind(defined(right))} to {kind(left)}; texts are joined with ~")
    return _sum(left, right)


_sum = arithmetic(lambda left, right: left + right)


def concatenate(*values: Any) -> str:
    """Join values as texts: the operator ~."""
    parts = [text(value) for value in values]
    bounded(sum(map(len, parts)))
    return "".join(parts)


def items_of(value: Any) -> list[Any]:
    """Return the items that `$for` iterates over; null is an empty list."""
    if value is None:
        return []
    if isinstance(value, list):
        items = value
    elif isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"$for needs a list and was given {kind(value)}")
    else:
        items = list(value)
    bounded(len(items))
    return items


def loop(index: int, items: list[Any]) -> dict[str, Any]:
    """Return the value of `loop` inside `$each`."""
    return {"index": index + 1, "index0": index, "first": index == 0, "last": index == len(items) - 1}


def clean(value: Any) -> Any:
    """Return the value without its empty parts, None if nothing is left; 0 and false stay."""
    if value.__class__ is str:
        return value or None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return safe(value)
    if isinstance(value, Mapping):
        kept = {key: rest for key, item in value.items() if (rest := clean(item)) is not None}
        return kept or None
    if isinstance(value, Iterable):
        return [rest for item in value if (rest := clean(item)) is not None] or None
    raise ValueError(f"{kind(defined(value))} cannot be sent")


ABSENT = object()  # marks a part that is left out, if null is a value of it


def keep(value: Any) -> Any:
    """Return the value even if it is null or empty; its parts are cleaned."""
    if value is None or value == "":
        return value
    rest = clean(value)
    if rest is None:
        return {} if isinstance(value, Mapping) else []
    return rest


def plain(value: Any) -> Any:
    """Return the value of an expression unchanged, but generators as lists; an undefined value is an error."""
    if value is None or isinstance(value, (str, bool, int, float, Mapping)):
        return value
    if isinstance(defined(value), Iterable):
        return [plain(item) for item in value]
    raise ValueError(f"{kind(value)} cannot be used")
