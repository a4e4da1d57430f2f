"""JSON Patch (RFC 6902): add, remove, replace, move, copy, test."""

from __future__ import annotations

from copy import deepcopy
from typing import Any


class PatchFailed(ValueError):
    """Raised for a malformed operation, a path that does not exist, or a failed test."""


def apply_patch(document: Any, operations: Any) -> Any:
    """Return a patched copy of `document`, which itself is never changed. Raises PatchFailed."""
    if not isinstance(operations, list):
        raise PatchFailed("a JSON Patch is an array of operations")
    result = deepcopy(document)
    for operation in operations:
        if not isinstance(operation, dict):
            raise PatchFailed("an operation is an object")
        result = _apply(result, operation)
    return result


def pointer(text: Any) -> list[str]:
    """Return a JSON Pointer (RFC 6901) as its unescaped parts."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchFailed(f"{text!r} is no JSON Pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = pointer(operation.get("path"))
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            _get(document, path)
            return _add(_remove(document, path), path, _value(operation))
        case "test":
            if _get(document, path) != _value(operation):
                raise PatchFailed(f"test failed at {operation['path']}")
            return document
        case "copy" | "move" as word:
            source = pointer(operation.get("from"))
            moved = deepcopy(_get(document, source))
            return _add(_remove(document, source) if word == "move" else document, path, moved)
    raise PatchFailed(f"unknown operation {operation.get('op')!r}")


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchFailed("the operation has no value")
    return operation["value"]


def _get(node: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list):
            node = node[_index(node, part, len(node) - 1)]
        else:
            raise PatchFailed(f"there is no {part!r}")
    return node


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], len(parent)), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise PatchFailed(f"nothing can be added below {path[-1]!r}")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    _get(document, path)
    parent = _get(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    return document


def _index(node: list[Any], part: str, last: int) -> int:
    if not part.isdecimal() or int(part) > last:
        raise PatchFailed(f"there is no element {part!r}")
    return int(part)
