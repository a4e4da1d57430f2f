"""One entry of a mapping, of the kind that the grammar promises; the grammar's own faults are told elsewhere."""

from __future__ import annotations

import re
from typing import Any

from adapters.outcome_rules import compile_path
from engine.source.faults import Faults
from engine.source.tree import Node


def text(node: Node | None, key: str, default: str = "") -> str:
    """A text, or the default where there is none."""
    value = scalar(node, key)
    return value if isinstance(value, str) else default


def number(node: Node | None, key: str, default: float) -> float:
    """A number, or the default."""
    value = scalar(node, key)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def flag(node: Node | None, key: str, default: bool) -> bool:
    """true or false, or the default."""
    value = scalar(node, key)
    return value if isinstance(value, bool) else default


def scalar(node: Node | None, key: str) -> Any:
    """The bare value; None where there is none."""
    found = None if node is None else node.get(key)
    return None if found is None else found.value


def entries(node: Node | None, key: str) -> dict[str, Node]:
    """The entries of a mapping inside a mapping."""
    found = None if node is None else node.get(key)
    return {} if found is None else dict(found.entries or {})


def items(node: Node | None, key: str) -> tuple[Node, ...]:
    """A list inside a mapping; one value counts as a list of it."""
    found = None if node is None else node.get(key)
    if found is None:
        return ()
    return found.items if found.items is not None else (found,)


def texts(node: Node | None, key: str) -> tuple[str, ...]:
    """A list of texts; numbers are taken as written."""
    return tuple(str(each.value) for each in items(node, key) if each.value is not None)


def plain_mapping(node: Node | None, key: str) -> dict[str, Any]:
    """A mapping of anything."""
    return {name: each.plain() for name, each in entries(node, key).items()}


def where(node: Node | None) -> dict[str, frozenset[Any]]:
    """Columns, each with the values that will do."""
    return {} if node is None else {name: frozenset(each.plain()) for name, each in (node.entries or {}).items()}


def pattern(node: Node | None, path: str, faults: Faults) -> re.Pattern[str] | None:
    """A regular expression; None where there is none or a faulty one."""
    if node is None or not isinstance(node.value, str):
        return None
    try:
        return re.compile(node.value)
    except re.error as error:
        faults.add(node.source, path, f"no regular expression: {error}; mend {node.value!r}")
        return None


def jmes_path(node: Node | None, path: str, faults: Faults) -> Any:
    """A JMESPath; None where there is none or a faulty one."""
    if node is None or not isinstance(node.value, str):
        return None
    try:
        return compile_path(node.value)
    except ValueError as error:
        faults.add(node.source, path, f"no JMESPath: {_first_line(str(error))}; mend {node.value!r}")
        return None


def _first_line(message: str) -> str:
    return message.splitlines()[0].rstrip(":").rstrip()
