"""What generated code may call: access to keys, arithmetic within bounds, texts, and the dropping of what is empty."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, UndefinedError
from jinja2.runtime import Undefined

from engine.json_text import LARGEST, SMALLEST
from engine.source.faults import did_you_mean

# Characters (or items) that one expression may grow to; a record may carry a document of some megabytes.
SIZE_LIMIT = 10_000_000


def attribute(value: Any, name: Any, owner: str) -> Any:
    """A key of a mapping or an item of a list, never a Python attribute: `record.items` is the key."""
    try:
        return value[name]
    except (KeyError, IndexError, TypeError):
        raise UndefinedError(missing(value, name, owner)) from None


def soft_attribute(value: Any, name: Any, owner: str) -> Any:
    """The same for `default` and `is defined`: what is not there is undefined instead of an error."""
    try:
        return value[name]
    except (KeyError, IndexError, TypeError):
        return StrictUndefined(missing(value, name, owner))


def soft_name(scope: Mapping[str, Any], name: str) -> Any:
    """A name of the context for `default` and `is defined`."""
    return scope[name] if name in scope else StrictUndefined(f"{name!r} is undefined")


def missing(value: Any, name: Any, owner: str) -> str:
    """The sentence for what is not there."""
    if value is None:
        return f"{owner} is null and has no {name!r}"
    if isinstance(value, Mapping):
        return f"{name!r} is undefined in {owner}{did_you_mean(str(name), value)}"
    return f"{owner} is {kind(value)} and has no {name!r}"


def kind(value: Any) -> str:
    """What a JSON value is called."""
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
    """The value itself; raises UndefinedError for what a filter (first, last, min, max) did not find."""
    if isinstance(value, Undefined):
        # its message lives in a private method; every use of it raises that message
        str(value)
    return value


def text(value: Any) -> str:
    """As part of a text. Null, lists and mappings are errors: no "None" and no half identifier ever leaves."""
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
    """As part of a URL's path: it cannot end the path, climb out of it or address the collection instead of the one."""
    part = text(value)
    if part in ("", ".", ".."):
        raise ValueError(f"{part!r} inside a path; it would lead elsewhere")
    return quote(part, safe="")


def bounded(size: float) -> float:
    """Refuses what would grow beyond bounds."""
    if size > SIZE_LIMIT:
        raise ValueError(f"the result would be larger than {SIZE_LIMIT} characters or items")
    return size


def number(value: Any) -> int | float:
    """The value if it is a number; texts and lists must not be multiplied or formatted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{kind(defined(value))} where a number belongs: {value!r}")
    return value


def safe(value: Any) -> Any:
    """The number if JSON can carry it: whole ones of 64 bits, as they come in by the door, no infinity and no NaN."""
    if not (SMALLEST <= value <= LARGEST if isinstance(value, int) else math.isfinite(value)):
        raise ValueError("the number is too large or none at all")
    return value


def arithmetic(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operator for numbers only, whole ones within bounds."""

    def operated(left: Any, right: Any) -> Any:
        return safe(operate(number(left), number(right)))

    return operated


def add(left: Any, right: Any) -> Any:
    """Numbers are summed, texts and lists are put together."""
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
    """The operator ~."""
    parts = [text(value) for value in values]
    bounded(sum(map(len, parts)))
    return "".join(parts)


def items_of(value: Any) -> list[Any]:
    """What `$for` goes through; null is an empty list."""
    if value is None:
        return []
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"$for needs a list and was given {kind(value)}")
    items = list(value)
    bounded(len(items))
    return items


def loop(index: int, items: list[Any]) -> dict[str, Any]:
    """What is known as `loop` inside `$each`."""
    return {"index": index + 1, "index0": index, "first": index == 0, "last": index == len(items) - 1}


def clean(value: Any) -> Any:
    """The value without what is empty, None if nothing is left; 0 and false stay."""
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


ABSENT = object()  # stands for what is left out where null is a value


def keep(value: Any) -> Any:
    """The value though it is null or empty; what is in it is cleaned as everywhere."""
    if value is None or value == "":
        return value
    rest = clean(value)
    if rest is None:
        return {} if isinstance(value, Mapping) else []
    return rest


def plain(value: Any) -> Any:
    """The value of an expression as it is; generators become lists, undefined ones are errors."""
    if value is None or isinstance(value, (str, bool, int, float, Mapping)):
        return value
    if isinstance(defined(value), Iterable):
        return [plain(item) for item in value]
    raise ValueError(f"{kind(value)} cannot be used")
