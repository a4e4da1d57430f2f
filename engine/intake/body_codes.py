"""Finds codes of code lists in a body that a person wrote: where the entry would put those of the record.

The entry declares places in the record. So a record whose codes are markers is rendered, and the body is searched where
the markers are. An item of a list is told from the others by the texts that are the entry's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from engine.intake.code_warnings import NamedCode
from engine.specs.record_type import Spec

_STEP = re.compile(r"[^.\[\]]+")


class _IntoMember(NamedTuple):
    """A step into a member of a mapping."""

    name: str


class _IntoItem(NamedTuple):
    """A step into each item of a list that has these members."""

    members: Mapping[str, str]


class CodePlace(NamedTuple):
    """A place in bodies for codes of a list; `name` is that of the code in the entry."""

    name: str
    list: str
    steps: Sequence[_IntoMember | _IntoItem]


def code_places(
    spec: Spec, record: Mapping[str, Any], scope: Mapping[str, Any], render: Callable[[Mapping[str, Any]], Any]
) -> list[CodePlace]:
    """Return the places of single codes that are refused where their list does not have them.

    `render` makes the payload of a record. Raises AntarError.
    """
    marks, marked = {}, record
    for code in spec.codes:
        if code.refuse_at is not None and code.each is None:
            at = str(code.refuse_at.render(scope))
            marks[f"<{at}>"] = code
            marked = _with(marked, _STEP.findall(at), f"<{at}>")
    if not marks:
        return []
    payload = orjson.loads(orjson.dumps(render(marked)))
    own = set(_texts(marked))
    return [
        CodePlace(marks[text].name, marks[text].list, steps) for text, steps in _leaves(payload, own) if text in marks
    ]


def codes_in(body: Any, places: Sequence[CodePlace]) -> list[NamedCode]:
    """Return the codes that a body has at these places, with their JSON paths."""
    return [
        NamedCode(place.name, place.list, key, path)
        for place in places
        for path, key in _found(body, place.steps, "")
        if isinstance(key, str) and key
    ]


def _with(value: Any, steps: Sequence[str], mark: str) -> Any:
    """Return a copy of a record with the mark at a place; mappings on the way are added."""
    if not steps:
        return mark
    inner = value if isinstance(value, Mapping) else {}
    return {**inner, steps[0]: _with(inner.get(steps[0]), steps[1:], mark)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in _inner(value):
        yield from _texts(inner)


def _inner(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _leaves(value: Any, own: set[str]) -> Iterator[tuple[str, tuple[_IntoMember | _IntoItem, ...]]]:
    """Yield the texts of a payload with the steps to them; `own` are the texts of the record."""
    if isinstance(value, str):
        yield value, ()
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from ((text, (_IntoMember(name), *steps)) for text, steps in _leaves(inner, own))
    elif isinstance(value, list):
        for inner in value:
            item = _IntoItem(_distinctive(inner, value, own))
            yield from ((text, (item, *steps)) for text, steps in _leaves(inner, own))


def _distinctive(item: Any, items: Sequence[Any], own: set[str]) -> dict[str, str]:
    """Return the texts by which an item of a list is told from the others, whatever the record is."""
    others = [other for other in items if other is not item and isinstance(other, Mapping)]
    return {
        name: text
        for name, text in (item.items() if isinstance(item, Mapping) and others else ())
        if isinstance(text, str) and text not in own and all(other.get(name) != text for other in others)
    }


def _found(value: Any, steps: Sequence[_IntoMember | _IntoItem], path: str) -> Iterator[tuple[str, Any]]:
    """Yield the values at a place of a body, with their paths."""
    if not steps:
        yield path, value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(step, _IntoMember):
        if isinstance(value, Mapping) and step.name in value:
            yield from _found(value[step.name], rest, f"{path}.{step.name}" if path else step.name)
        return
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if not step.members or (isinstance(item, Mapping) and step.members.items() <= item.items()):
            yield from _found(item, rest, f"{path}[{index}]")
