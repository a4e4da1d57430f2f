"""Element paths like `location.extension[ServiceClass].valueCodeableConcept` and what they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    url_end: str = ""
    """Take only extensions whose url ends so."""
    nested: bool = False
    """Also descend into children of the same name, e.g. sections in sections."""


Path = tuple[Step, ...]
Found = tuple[Any, str]


def parse_path(text: str) -> Path:
    """`a.b[End].c*` as steps."""
    return tuple(_step(part) for part in text.split("."))


def _step(part: str) -> Step:
    nested = part.endswith("*")
    name, _, url_end = part.removesuffix("*").partition("[")
    return Step(name, url_end.removesuffix("]"), nested)


def find(node: Any, path: Path, at: str) -> list[Found]:
    """All (value, expression) below `node`; a value of None says that there is none at that place."""
    found: list[Found] = []
    _descend(node, path, at, found)
    return found


def values(node: Any, path: Path) -> list[Any]:
    """The values only, lists taken apart, without what is missing."""
    flat: list[Any] = []
    for value, _ in find(node, path, ""):
        flat.extend(value if isinstance(value, list) else [] if value is None else [value])
    return flat


def each(value: Any, at: str) -> list[Found]:
    """A value or the elements of a list, with their expressions."""
    if isinstance(value, list):
        return [(item, f"{at}[{number}]") for number, item in enumerate(value)]
    return [(value, at)]


def _descend(node: Any, path: Path, at: str, found: list[Found]) -> None:
    if not path:
        found.append((node, at))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            _descend(item, path, f"{at}[{number}]", found)
    elif isinstance(node, dict):
        _enter(node, path, at, found)
    else:
        found.append((None, _rest(at, path)))


def _enter(node: dict[str, Any], path: Path, at: str, found: list[Found]) -> None:
    step = path[0]
    child = node.get(step.name)
    if child is None:
        found.append((None, _rest(at, path)))
        return
    at = f"{at}.{step.name}"
    if step.url_end:
        child = [one for one in child if isinstance(one, dict) and _ends(one, step.url_end)]
    _descend(child, path[1:], at, found)
    if step.nested:
        for item, item_at in each(child, at):
            if isinstance(item, dict) and step.name in item:
                _enter(item, path, item_at, found)


def _ends(extension: dict[str, Any], url_end: str) -> bool:
    return str(extension.get("url", "")).endswith(url_end)


def _rest(at: str, path: Path) -> str:
    return ".".join([at, *(step.name for step in path)])
