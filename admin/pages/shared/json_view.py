"""JSON as a tree that folds: numbers keep their spelling, and duplicate keys are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.json_size import count_values

MAX_JSON_BYTES = 100_000  # of a longer body the beginning is shown as text
MAX_VALUES = 5_000  # of a tree: the page draws each value
MAX_DEPTH = 40
MAX_UNFOLDED_LINES = 120  # a tree with no more lines is unfolded completely
OPEN_LEVELS = 2  # unfolded levels of a longer tree

Hide = Callable[[str], str]


class _JsonNumber(str):
    """A number in its original spelling."""

    __slots__ = ()


class _Members(list[Any]):
    """The (key, value) pairs of an object, duplicate keys included."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A value, with the text of its key. Its texts and those of its children, joined, are the JSON again."""

    key: str
    text: str  # of a branch the opening bracket
    kind: str = ""  # selects the colour: number, string or literal; empty for a branch
    closing: str = ""
    children: tuple[JsonNode, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """A body as the page shows it: a tree, or text if the body is no JSON, too deep or too long."""

    tree: JsonNode | None
    text: str = ""


def folded(body: bytes, hide: Hide) -> Folded:
    """Return the body as a tree or as text; `hide` masks identifiers in its texts."""
    text = body.decode("utf-8", "replace")
    value = _parse(text) if len(body) <= MAX_JSON_BYTES and count_values(body) <= MAX_VALUES else None
    if value is None or _depth(value) > MAX_DEPTH:
        return Folded(None, hide(text[:MAX_JSON_BYTES]))
    levels = MAX_DEPTH if sum(1 for _ in _lines(value)) <= MAX_UNFOLDED_LINES else OPEN_LEVELS
    return Folded(_node("", value, hide, levels, ""))


def pretty(text: str) -> str:
    """Return JSON indented by two, numbers in their original spelling; return any other text unchanged."""
    value = _parse(text)
    return text if value is None or _depth(value) > MAX_DEPTH else "\n".join(_lines(value))


def _parse(text: str) -> Any:
    """Return the value of a JSON text; None if the text is no JSON."""
    try:
        return json.loads(text, parse_int=_JsonNumber, parse_float=_JsonNumber, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return None


def duplicate_keys(text: str) -> list[str]:
    """Return the keys that one object has twice; a JSON reader would use only the last of them."""
    value, duplicates = _parse(text), []
    pending = [value] if value is not None else []
    for container in pending:
        keys = [key for key, _ in container] if isinstance(container, _Members) else []
        duplicates += sorted({key for key in keys if keys.count(key) > 1})
        pending += [child for child in _children(container) if isinstance(child, list)]
    return duplicates


def _children(value: Any) -> list[Any]:
    if isinstance(value, _Members):
        return [child for _, child in value]
    return list(value) if isinstance(value, list) else []


def _depth(value: Any) -> int:
    depth, level = 0, _children(value)
    while level:
        depth, level = depth + 1, [child for container in level for child in _children(container)]
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
    return str(value) if isinstance(value, _JsonNumber) else _quoted(value)


def _quoted(value: Any) -> str:
    # A lone surrogate is valid in JSON but cannot be encoded on a page, so it stays escaped.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _kind(value: Any) -> str:
    if isinstance(value, _JsonNumber):
        return "number"
    return "string" if isinstance(value, str) else "literal"


def _node(key: str, value: Any, hide: Hide, levels: int, comma: str) -> JsonNode:
    if not isinstance(value, list) or not value:
        return JsonNode(key, hide(_leaf(value)) + comma, _kind(value))
    opening, closing = "{}" if isinstance(value, _Members) else "[]"
    members = value if isinstance(value, _Members) else [("", child) for child in value]
    children = tuple(
        _node(hide(_quoted(name)) if isinstance(value, _Members) else "", child, hide, levels - 1, "," if n else "")
        for n, (name, child) in zip(reversed(range(len(members))), members, strict=True)
    )
    return JsonNode(key, opening, closing=closing + comma, children=children, open=levels > 0)
