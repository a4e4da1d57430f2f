"""JSON as it was sent, as a tree that folds: numbers as they were written, equal keys kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.json_size import count_values

LARGEST = 100_000
"""Bytes; of what is longer the beginning is shown as text."""
MAX_VALUES = 5_000
"""Of a tree: a page draws each one."""
DEEPEST = 40
SMALL = 120
"""Lines up to which everything is unfolded."""
OPEN = 2
"""Of what has more lines so many levels are."""

Hide = Callable[[str], str]


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


class _Members(list[Any]):
    """The (key, value) of an object, equal keys too."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A value, with the text of its key before it. Its texts and those of its children in a row are the JSON again."""

    key: str
    text: str
    """Of a branch the opening bracket."""
    kind: str = ""
    """What it is coloured as: number, string or literal; empty: a branch."""
    closing: str = ""
    children: tuple[Node, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """A body as it is shown: as a tree, or as text if it is no JSON, too deep or too long."""

    tree: Node | None
    text: str = ""


def folded(body: bytes, hide: Hide) -> Folded:
    """`hide` masks the texts of a body."""
    text = body.decode("utf-8", "replace")
    value = parsed(text) if len(body) <= LARGEST and count_values(body) <= MAX_VALUES else None
    if value is None or _depth(value) > DEEPEST:
        return Folded(None, hide(text[:LARGEST]))
    levels = DEEPEST if sum(1 for _ in _lines(value)) <= SMALL else OPEN
    return Folded(_node("", value, hide, levels, ""))


def pretty(text: str) -> str:
    """JSON indented by two, its numbers as they were written; anything else as it is."""
    value = parsed(text)
    return text if value is None or _depth(value) > DEEPEST else "\n".join(_lines(value))


def parsed(text: str) -> Any:
    """What a text says as JSON; None if it is none."""
    try:
        return json.loads(text, parse_int=_Number, parse_float=_Number, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return None


def twice(text: str) -> list[str]:
    """The keys that stand twice in one object, of which a reader would heed the last alone."""
    value, found = parsed(text), []
    pending = [value] if value is not None else []
    for each in pending:
        keys = [key for key, _ in each] if isinstance(each, _Members) else []
        found += sorted({key for key in keys if keys.count(key) > 1})
        pending += [child for child in _children(each) if isinstance(child, list)]
    return found


def _children(value: Any) -> list[Any]:
    if isinstance(value, _Members):
        return [child for _, child in value]
    return list(value) if isinstance(value, list) else []


def _depth(value: Any) -> int:
    depth, level = 0, _children(value)
    while level:
        depth, level = depth + 1, [child for each in level for child in _children(each)]
    return depth


def _lines(value: Any, indent: str = "", before: str = "", after: str = "") -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"{indent}{before}{_leaf(value)}{after}"
        return
    opening, closing = "{}" if isinstance(value, _Members) else "[]"
    yield f"{indent}{before}{opening}"
    for n, child in enumerate(value, 1):
        key, inner = (f"{_quoted(child[0])}: ", child[1]) if isinstance(value, _Members) else ("", child)
        yield from _lines(inner, indent + "  ", key, "," if n < len(value) else "")
    yield f"{indent}{closing}{after}"


def _leaf(value: Any) -> str:
    if isinstance(value, list):
        return "{}" if isinstance(value, _Members) else "[]"
    return str(value) if isinstance(value, _Number) else _quoted(value)


def _quoted(value: Any) -> str:
    """Half a character, which JSON can say and no page can, stays escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _kind(value: Any) -> str:
    if isinstance(value, _Number):
        return "number"
    return "string" if isinstance(value, str) else "literal"


def _node(key: str, value: Any, hide: Hide, levels: int, comma: str) -> Node:
    if not isinstance(value, list) or not value:
        return Node(key, hide(_leaf(value)) + comma, _kind(value))
    opening, closing = "{}" if isinstance(value, _Members) else "[]"
    named = value if isinstance(value, _Members) else [("", child) for child in value]
    children = tuple(
        _node(hide(_quoted(name)) if isinstance(value, _Members) else "", child, hide, levels - 1, "," if n else "")
        for n, (name, child) in zip(reversed(range(len(named))), named, strict=True)
    )
    return Node(key, opening, closing=closing + comma, children=children, open=levels > 0)
