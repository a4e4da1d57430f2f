"""Places of values in a record, as `gender`, `address.city` or `components[].unit`: read and replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

LIST = "[]"  # after a name: each item of the list


def as_text(value: Any) -> str:
    """Return a value as the JSON by which rules compare values; a missing one is like null."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def top(place: str) -> str:
    """Return the name of the record's own field that a place lies in."""
    return place.split(".", 1)[0].removesuffix(LIST)


def values_at(record: Any, place: str) -> Iterator[Any]:
    """Yield the values at a place, None for one that its mapping lacks; nothing where the mapping is missing."""
    name, _, rest = place.partition(".")
    field = name.removesuffix(LIST)
    if not isinstance(record, Mapping):
        return
    inner = record.get(field)
    if name.endswith(LIST):
        for item in inner if isinstance(inner, list) else ():
            yield from values_at(item, rest) if rest else (item,)
    elif rest:
        yield from values_at(inner, rest)
    else:
        yield inner


def replaced(record: Any, place: str, values: Mapping[str, Any]) -> Any:
    """Return the record with the values at a place replaced: `values` has the new one for the JSON of an old one."""
    name, _, rest = place.partition(".")
    field = name.removesuffix(LIST)
    if not isinstance(record, Mapping):
        return record
    before = record.get(field)
    if not name.endswith(LIST):
        after = _replaced(before, rest, values)
    elif isinstance(before, list):
        after = [_replaced(item, rest, values) for item in before]
    else:
        return record
    return record if after is before else {**record, field: after}


def _replaced(value: Any, rest: str, values: Mapping[str, Any]) -> Any:
    return replaced(value, rest, values) if rest else values.get(as_text(value), value)
