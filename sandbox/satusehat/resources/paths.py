"""Element paths like `location.extension[ServiceClass].valueCodeableConcept`, and the values they select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PathStep:
    name: str
    url_end: str = ""  # take only extensions whose url ends with this
    nested: bool = False  # also descend into children of the same name, e.g. sections in sections


Path = tuple[PathStep, ...]
Selected = tuple[Any, str]


def parse_path(text: str) -> Path:
    """Parse `a.b[End].c*` into steps."""
    return tuple(_step(part) for part in text.split("."))


def _step(part: str) -> PathStep:
    nested = part.endswith("*")
    name, _, url_end = part.removesuffix("*").partition("[")
    return PathStep(name, url_end.removesuffix("]"), nested)


def find(node: Any, path: Path, at: str) -> list[Selected]:
    """Return all (value, expression) below `node`; a value of None means that the element is missing there."""
    selected: list[Selected] = []
    _descend(node, path, at, selected)
    return selected


def values(node: Any, path: Path) -> list[Any]:
    """Return the values only; lists are flattened, missing elements left out."""
    flat: list[Any] = []
    for value, _ in find(node, path, ""):
        flat.extend(value if isinstance(value, list) else [] if value is None else [value])
    return flat


def elements(value: Any, at: str) -> list[Selected]:
    """Return a value, or the elements of a list, with their expressions."""
    if isinstance(value, list):
        return [(item, f"{at}[{number}]") for number, item in enumerate(value)]
    return [(value, at)]


def _descend(node: Any, path: Path, at: str, selected: list[Selected]) -> None:
    if not path:
        selected.append((node, at))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            _descend(item, path, f"{at}[{number}]", selected)
    elif isinstance(node, dict):
        _enter(node, path, at, selected)
    else:
        selected.append((None, _rest(at, path)))


def _enter(node: dict[str, Any], path: Path, at: str, selected: list[Selected]) -> None:
    step = path[0]
    child = node.get(step.name)
    if child is None:
        selected.append((None, _rest(at, path)))
        return
    at = f"{at}.{step.name}"
    if step.url_end:
        child = [one for one in child if isinstance(one, dict) and _ends(one, step.url_end)]
    _descend(child, path[1:], at, selected)
    if step.nested:
        for item, item_at in elements(child, at):
            if isinstance(item, dict) and step.name in item:
                _enter(item, path, item_at, selected)


def _ends(extension: dict[str, Any], url_end: str) -> bool:
    return str(extension.get("url", "")).endswith(url_end)


def _rest(at: str, path: Path) -> str:
    return ".".join([at, *(step.name for step in path)])
