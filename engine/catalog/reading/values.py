"""Typed values of mappings; a value of the wrong type counts as missing, because the grammar has reported it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from adapters.json_path import compile_path
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.text import Text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def text(node: Node | None, key: str, default: str = "") -> str:
    """Return a text, or the default if there is none."""
    value = scalar(node, key)
    return value if isinstance(value, str) else default


def label(node: Node | None, key: str, default: str = "") -> Text:
    """Return a text for people, or the default if there is none."""
    leaf = None if node is None else node.get(key)
    return Text.plain(default) if leaf is None else text_of(leaf, default)


def labels(node: Node | None, key: str) -> dict[str, Text]:
    """Return the texts for people of a mapping inside a mapping, by name."""
    return {name: text_of(leaf) for name, leaf in entries(node, key).items()}


def text_of(leaf: Node, default: str = "") -> Text:
    """Return a text for people, written as one text for both languages or as one for each."""
    if leaf.entries is not None:
        return Text(text(leaf, "id", default), text(leaf, "en", default))
    return Text.plain(default if leaf.value is None else str(leaf.value))


def number(node: Node | None, key: str, default: float) -> float:
    """Return a number, or the default."""
    value = scalar(node, key)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def flag(node: Node | None, key: str, default: bool) -> bool:
    """Return true or false, or the default."""
    value = scalar(node, key)
    return value if isinstance(value, bool) else default


def scalar(node: Node | None, key: str) -> Any:
    """Return the plain value of a scalar; None if there is none."""
    leaf = None if node is None else node.get(key)
    return None if leaf is None else leaf.value


def entries(node: Node | None, key: str) -> dict[str, Node]:
    """Return the entries of a mapping inside a mapping."""
    inner = None if node is None else node.get(key)
    return {} if inner is None else dict(inner.entries or {})


def items(node: Node | None, key: str) -> tuple[Node, ...]:
    """Return a list inside a mapping; a single value counts as a list of one."""
    inner = None if node is None else node.get(key)
    if inner is None:
        return ()
    return inner.items if inner.items is not None else (inner,)


def texts(node: Node | None, key: str) -> tuple[str, ...]:
    """Return a list of texts; numbers are converted."""
    return tuple(str(item.value) for item in items(node, key) if item.value is not None)


def plain_mapping(node: Node | None, key: str) -> dict[str, Any]:
    """Return a mapping with values of any kind."""
    return {name: value.plain() for name, value in entries(node, key).items()}


def where(node: Node | None) -> dict[str, frozenset[Any]]:
    """Return columns, each with its accepted values."""
    return {} if node is None else {name: frozenset(value.plain()) for name, value in (node.entries or {}).items()}


def fields(node: Node | None, base: T) -> T:
    """Return `base`, a dataclass of numbers, with the fields that the mapping declares."""
    declared = {name: _number(value.value) for name, value in ((node and node.entries) or {}).items()}
    try:
        return msgspec.convert({**asdict(base), **declared}, type(base))
    except msgspec.ValidationError:  # the grammar has reported it
        return base


def _number(value: Any) -> Any:
    # The grammar takes 8.0 for a whole number, msgspec does not.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pattern(node: Node | None, path: str, faults: Faults) -> re.Pattern[str] | None:
    """Compile a regular expression; None if it is missing or faulty."""
    if node is None or not isinstance(node.value, str):
        return None
    try:
        return re.compile(node.value)
    except re.error as error:
        faults.add(node.source, path, f"no regular expression: {error}; mend {node.value!r}")
        return None


def jmes_path(node: Node | None, path: str, faults: Faults) -> Any:
    """Compile a JMESPath; None if it is missing or faulty."""
    if node is None or not isinstance(node.value, str):
        return None
    try:
        return compile_path(node.value)
    except ValueError as error:
        faults.add(node.source, path, f"no JMESPath: {_first_line(str(error))}; mend {node.value!r}")
        return None


def _first_line(message: str) -> str:
    return message.splitlines()[0].rstrip(":").rstrip()
