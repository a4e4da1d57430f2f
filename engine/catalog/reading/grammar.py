"""The grammar of the files, as config/spec.schema.json tells it, with messages for people."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson
from jsonschema import Draft202012Validator

from engine.settings import ROOT
from engine.source.faults import Faults, Source, did_you_mean
from engine.source.tree import Node
from engine.templates.runtime import kind

GRAMMAR = ROOT / "config" / "spec.schema.json"
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


@lru_cache(maxsize=1)
def _grammar() -> tuple[jsonschema_rs.Validator, Draft202012Validator]:
    """The quick one says whether, the slow one says what."""
    schema = orjson.loads(GRAMMAR.read_bytes())
    return jsonschema_rs.Draft202012Validator(schema), Draft202012Validator(schema)


def check_grammar(root: Node, faults: Faults) -> None:
    """Adds a fault for each place that breaks the grammar."""
    quick, slow = _grammar()
    value = root.plain()
    if quick.is_valid(value):
        return
    for error in slow.iter_errors(value):
        for source, steps, message in _told(error, root):
            faults.add(source, dotted(steps), message)


def dotted(steps: list[str | int]) -> str:
    """["outcomes", 0, "status"] -> outcomes[0].status"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _told(error: Any, root: Node) -> Iterator[tuple[Source, list[str | int], str]]:
    steps = list(error.absolute_path)
    node = root.find(steps)
    if "propertyNames" in error.absolute_schema_path:
        yield node.keys[error.instance], [*steps, error.instance], _sentence(error)
    elif error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in error.instance.keys() - set(known):
            yield node.keys[key], [*steps, key], f"no field {key!r} here{did_you_mean(key, known)}"
    elif error.validator == "required":
        yield node.source, steps, _missing(error)
    else:
        yield node.source, steps, _sentence(error)


def _missing(error: Any) -> str:
    name = next(each for each in error.validator_value if error.message.startswith(repr(each)))  # one error for each
    properties = error.schema.get("properties", {})
    right = _right(properties.get(name, {}))
    return f"{name!r} is missing; {right.replace('e.g. ', f'e.g. {name}: ', 1)}"


def _sentence(error: Any) -> str:
    value, rule, schema = error.instance, error.validator_value, error.schema
    match error.validator:
        case "type":
            names = [rule] if isinstance(rule, str) else rule
            wanted = "one value" if "null" in names else " or ".join(_TYPES[each] for each in names)
            return f"must be {wanted}, and is {kind(value)}; {_right(schema)}"
        case "enum":
            near = did_you_mean(str(value), rule)
            return f"{value!r} is none of {', '.join(rule)}{near if 'did you' in near else ''}"
        case "pattern":
            return f"{value!r} does not fit; {_right(schema)}"
        case "minLength" | "minItems" | "minProperties":
            return f"is empty; {_right(schema)}"
        case "uniqueItems":
            return "has an item twice; remove one"
        case limit if limit in _LIMITS:
            return f"{value!r} is out of bounds; write {_LIMITS[str(limit)]} {rule}"
    return f"{error.message}; {_right(schema)}"


def _right(schema: Any) -> str:
    """What would be right: an example, or else the description."""
    examples = schema.get("examples") if isinstance(schema, dict) else None
    if examples:
        return f"e.g. {orjson.dumps(examples[0]).decode()}"
    return str(schema.get("description", "see spec.schema.json")) if isinstance(schema, dict) else "remove it"
