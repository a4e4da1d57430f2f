"""What is known of a value before there is one: its keys and its items, from a JSON Schema or from an example of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The declared keys of a mapping, the shape of a list's items. `open`: there may be keys that nobody declared."""

    keys: Mapping[str, Shape]
    item: Shape | None = None
    open: bool = False


_STRUCTURE = {
    *("type", "properties", "items", "$ref", "allOf", "anyOf", "oneOf", "enum", "const", "if"),
    *("additionalProperties", "patternProperties"),
}
ANY = Shape({}, open=True)
SCALAR = Shape({})


def merged(*shapes: Shape) -> Shape:
    """What is known if the value is one of these."""
    keys: dict[str, Shape] = {}
    for shape in shapes:
        for key, inner in shape.keys.items():
            keys[key] = merged(keys[key], inner) if key in keys else inner
    items = [shape.item for shape in shapes if shape.item is not None]
    return Shape(keys, merged(*items) if items else None, any(shape.open for shape in shapes))


def of_value(value: Any) -> Shape:
    """The shape of one known value, e.g. a look-up table."""
    if isinstance(value, Mapping):
        return Shape({str(key): of_value(item) for key, item in value.items()})
    if isinstance(value, list):
        return Shape({}, merged(*map(of_value, value)) if value else SCALAR)
    return SCALAR


def of_schema(schema: Any, root: Mapping[str, Any] | None = None, around: frozenset[int] = frozenset()) -> Shape:
    """The shape that a JSON Schema declares; a mapping with declared properties is closed unless it says otherwise.

    A schema that contains itself is followed once.
    """
    if not isinstance(schema, Mapping):
        return ANY
    root = schema if root is None else root
    branches = branches_of(schema, root)
    if around & {id(branch) for branch in branches}:
        return ANY
    around |= {id(branch) for branch in branches}
    properties = {
        key: merged(*(of_schema(inner, root, around) for inner in _telling(schemas)))
        for key, schemas in _declared(branches).items()
    }
    items = [of_schema(branch["items"], root, around) for branch in branches if "items" in branch]
    return Shape(properties, merged(*items) if items else None, _is_open(branches, bool(properties)))


def _declared(branches: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """All that the branches say of each property."""
    declared: dict[str, list[Any]] = {}
    for branch in branches:
        for key, inner in _mapping(branch.get("properties")).items():
            declared.setdefault(key, []).append(inner)
    return declared


def _telling(schemas: list[Any]) -> list[Any]:
    """Those that say what the value is made of; `minItems: 1` in a `then` must not make an open shape of it."""
    return [schema for schema in schemas if _mapping(schema).keys() & _STRUCTURE] or schemas


def branches_of(schema: Any, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema itself and all that it refers to or is put together of, for the same value; each once."""
    found: dict[int, Mapping[str, Any]] = {}
    left = [schema]
    while left:
        branch = left.pop()
        if isinstance(branch, Mapping) and id(branch) not in found:
            found[id(branch)] = branch
            left.extend(_parts(branch, root))
    return list(found.values())


def _parts(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Any]:
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        yield _at(root, reference)
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(keyword) or ()
    for keyword in ("if", "then", "else"):
        yield schema.get(keyword)
    yield from _mapping(schema.get("dependentSchemas")).values()


def _is_open(branches: list[Mapping[str, Any]], declared: bool) -> bool:
    types = {kind for branch in branches for kind in _types(branch.get("type"))}
    if types and not types & {"object", "array"}:
        return False
    if any(branch.get("additionalProperties") not in (None, False) for branch in branches):
        return True
    if any("patternProperties" in branch for branch in branches):
        return True
    return not declared and "object" in (types or {"object"}) and not _closed(branches)


def _closed(branches: list[Mapping[str, Any]]) -> bool:
    return any(
        branch.get("additionalProperties") is False or "enum" in branch or "const" in branch for branch in branches
    )


def _types(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _at(root: Mapping[str, Any], reference: str) -> Any:
    place: Any = root
    for step in reference.split("/")[1:]:
        place = _mapping(place).get(step.replace("~1", "/").replace("~0", "~"))
    return place
