"""Shapes: the declared keys and items of values, from a JSON Schema or an example, to check templates without data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Declared keys of a mapping, shape of a list's items. `open`: undeclared keys are possible."""

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
    """Return the shape of a value that has one of the shapes."""
    keys: dict[str, Shape] = {}
    for shape in shapes:
        for key, inner in shape.keys.items():
            keys[key] = merged(keys[key], inner) if key in keys else inner
    items = [shape.item for shape in shapes if shape.item is not None]
    return Shape(keys, merged(*items) if items else None, any(shape.open for shape in shapes))


def of_value(value: Any) -> Shape:
    """Return the shape of one value, e.g. a look-up table."""
    if isinstance(value, Mapping):
        return Shape({str(key): of_value(item) for key, item in value.items()})
    if isinstance(value, list):
        return Shape({}, merged(*map(of_value, value)) if value else SCALAR)
    return SCALAR


def of_schema(schema: Any, root: Mapping[str, Any] | None = None, outer: frozenset[int] = frozenset()) -> Shape:
    """Return the shape that a JSON Schema declares; declared properties close a mapping, unless it says otherwise.

    A schema that contains itself is followed once. `outer`: the schemas that contain this one.
    """
    if not isinstance(schema, Mapping):
        return ANY
    root = schema if root is None else root
    branches = branches_of(schema, root)
    if outer & {id(branch) for branch in branches}:
        return ANY
    outer |= {id(branch) for branch in branches}
    properties = {
        key: merged(*(of_schema(inner, root, outer) for inner in _structural(schemas)))
        for key, schemas in _declared(branches).items()
    }
    items = [of_schema(branch["items"], root, outer) for branch in branches if "items" in branch]
    return Shape(properties, merged(*items) if items else None, _is_open(branches, bool(properties)))


def _declared(branches: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the schemas of each property in all branches."""
    declared: dict[str, list[Any]] = {}
    for branch in branches:
        for key, inner in _mapping(branch.get("properties")).items():
            declared.setdefault(key, []).append(inner)
    return declared


def _structural(schemas: list[Any]) -> list[Any]:
    """Return the schemas that declare structure, else all: `minItems: 1` in a `then` must not open the shape."""
    return [schema for schema in schemas if _mapping(schema).keys() & _STRUCTURE] or schemas


def branches_of(schema: Any, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the schema and all schemas for the same value that it refers to or combines, each once."""
    branches: dict[int, Mapping[str, Any]] = {}
    pending = [schema]
    while pending:
        branch = pending.pop()
        if isinstance(branch, Mapping) and id(branch) not in branches:
            branches[id(branch)] = branch
            pending.extend(_parts(branch, root))
    return list(branches.values())


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
