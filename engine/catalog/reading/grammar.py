"""Grammar of the files: checks them against config/spec.schema.json, with messages for people."""

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

GRAMMAR_FILE = ROOT / "config" / "spec.schema.json"
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
    """Return the fast validator, which finds out if there are errors, and the slow one with good messages."""
    schema = orjson.loads(GRAMMAR_FILE.read_bytes())
    return jsonschema_rs.Draft202012Validator(schema), Draft202012Validator(schema)


def check_grammar(root: Node, faults: Faults) -> None:
    """Add a fault for each place that breaks the grammar."""
    fast, slow = _grammar()
    value = root.plain()
    if fast.is_valid(value):
        return
    for error in slow.iter_errors(value):
        for source, steps, message in _violations(error, root):
            faults.add(source, dotted(steps), message)


def dotted(steps: list[str | int]) -> str:
    """Return the steps as one path: ["outcomes", 0, "status"] -> outcomes[0].status."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _violations(error: Any, root: Node) -> Iterator[tuple[Source, list[str | int], str]]:
    steps = list(error.absolute_path)
    node = root.find(steps)
    if "propertyNames" in error.absolute_schema_path:
        yield node.keys[error.instance], [*steps, error.instance], _sentence(error)
    elif error.validator == "additionalProperties":
        fields = list(error.schema["properties"])
        for key in error.instance.keys() - set(fields):
            yield node.keys[key], [*steps, key], f"no field {key!r} here{did_you_mean(key, fields)}"
    elif error.validator == "required":
        yield node.source, steps, _missing(error)
    else:
        yield node.source, steps, _sentence(error)


def _missing(error: Any) -> str:
    # jsonschema reports one error per missing field, which only its message names.
    name = next(field for field in error.validator_value if error.message.startswith(repr(field)))
    properties = error.schema.get("properties", {})
    correction = _correction(properties.get(name, {}))
    return f"{name!r} is missing; {correction.replace('e.g. ', f'e.g. {name}: ', 1)}"


def _sentence(error: Any) -> str:
    value, rule, schema = error.instance, error.validator_value, error.schema
    match error.validator:
        case "type":
            names = [rule] if isinstance(rule, str) else rule
            expected = "one value" if "null" in names else " or ".join(_TYPES[name] for name in names)
            return f"must be {expected}, and is {kind(value)}; {_correction(schema)}"
        case "enum":
            near = did_you_mean(str(value), rule)
            return f"{value!r} is none of {', '.join(rule)}{near if 'did you' in near else ''}"
        case "pattern":
            return f"{value!r} does not fit; {_correction(schema)}"
        case "minLength" | "minItems" | "minProperties":
            return f"is empty; {_correction(schema)}"
        case "uniqueItems":
            return "has an item twice; remove one"
        case limit if limit in _LIMITS:
            return f"{value!r} is out of bounds; write {_LIMITS[str(limit)]} {rule}"
    return f"{error.message}; {_correction(schema)}"


def _correction(schema: Any) -> str:
    """Return an example of a correct value, or else the description."""
    examples = schema.get("examples") if isinstance(schema, dict) else None
    if examples:
        return f"e.g. {orjson.dumps(examples[0]).decode()}"
    return str(schema.get("description", "see spec.schema.json")) if isinstance(schema, dict) else "remove it"
