"""Pre-flight check: finds content that SatuSehat would refuse, by the JSON schema of FHIR R4, before it is sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from adapters.base import Problem

SCHEMA = Path(__file__).with_name("fhir_r4.schema.json.gz")  # written by vendor_schema.py

MAX_PROBLEMS = 20  # problems that are reported for one payload

_DEFINITIONS = "#/definitions/"
# FHIR's dateTime may be only a year or a day; SatuSehat wants date, time and time zone.
_FULL_DATE_TIME = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
    r"(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
)

_EMPTY = "must not be empty; leave it out"
_PATTERNS = {
    "dateTime": "must be a full date-time such as 2026-03-10T01:00:00+00:00",
    "instant": "must be a full date-time such as 2026-03-10T01:00:00+00:00",
    "date": "must be a date such as 2026-03-10",
    "time": "must be a time such as 08:00:00",
    "code": "must be a code: no blanks around it, none doubled",
    "id": "must be an id: letters, digits, '-' and '.', at most 64",
    "uri": "must be an address without blanks",
    "url": "must be an address without blanks",
    "canonical": "must be an address without blanks",
}
_KINDS = {str: "a text", bool: "a boolean", int: "a number", float: "a number", dict: "an object", list: "a list"}
_TYPES = {
    "string": "a text",
    "boolean": "a boolean",
    "number": "a number",
    "integer": "a whole number",
    "object": "an object",
    "array": "a list",
}


def check(payload: Any) -> list[Problem]:
    """Return the problems of a resource, none if FHIR R4 allows it. The first one of a type compiles its schema."""
    return list(islice(_problems(payload, "$"), MAX_PROBLEMS))


def _problems(resource: Any, path: str) -> Iterator[Problem]:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    validator = _validator(kind) if isinstance(kind, str) else None
    if validator is None:
        fault = "is missing" if kind is None else f"{kind!r} is no resource type of FHIR R4"
        yield Problem(f"{path}.resourceType", f"{fault}; name the type as FHIR spells it")
        return
    if not validator.is_valid(resource):
        yield from _explain(validator, resource, path)
    for inner_path, inner in _inner_resources(resource, path):
        yield from _problems(inner, inner_path)


def _inner_resources(resource: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield contained resources and those of a bundle's entries, with their paths."""
    for name, key in (("contained", None), ("entry", "resource")):
        for index, item in enumerate(resource.get(name) or ()):
            if key is None:
                yield f"{path}.{name}[{index}]", item
            elif isinstance(item, dict) and key in item:
                yield f"{path}.{name}[{index}].{key}", item[key]


@lru_cache(maxsize=256)
def _validator(kind: str) -> jsonschema_rs.Validator | None:
    """Return the compiled schema of a resource type, with only the definitions that it uses; None if unknown."""
    definitions = _definitions()
    if "resourceType" not in definitions.get(kind, {}).get("properties", {}):
        return None
    needed: dict[str, Any] = {}
    names = [kind]
    while names:
        name = names.pop()
        if name not in needed:
            needed[name] = definitions[name]
            names.extend(_references(definitions[name]))
    schema = {"$ref": _DEFINITIONS + kind, "definitions": needed}
    return jsonschema_rs.Draft6Validator(schema, pattern_options=jsonschema_rs.RegexOptions())


@cache
def _definitions() -> dict[str, Any]:
    definitions: dict[str, Any] = orjson.loads(gzip.decompress(SCHEMA.read_bytes()))
    definitions["dateTime"] = {"type": "string", "pattern": _FULL_DATE_TIME}
    return definitions


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_DEFINITIONS)
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _references(item)


def _explain(validator: jsonschema_rs.Validator, resource: Any, path: str) -> Iterator[Problem]:
    """Yield the problems of a resource; an empty value is only reported as empty."""
    empty: set[str] = set()
    for error in validator.iter_errors(resource):
        place = path + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        if error.instance in (None, "", [], {}):
            if place not in empty:
                yield Problem(place, _EMPTY)
            empty.add(place)
        else:
            yield from _problem(error, place)


def _problem(error: Any, place: str) -> Iterator[Problem]:
    name = str(error.schema_path[1])  # definitions, the name of one, ...
    match error.kind.name:
        case "required":
            yield Problem(f"{place}.{error.kind.property}", f"is missing; {name.replace('_', '.')} requires it")
        case "additionalProperties":
            yield from (_unknown(name, element, place) for element in error.kind.unexpected)
        case "type":
            types = " or ".join(_TYPES.get(kind, kind) for kind in error.kind.types)
            yield Problem(place, f"must be {types}, not {_KINDS.get(type(error.instance), 'this')}")
        case "enum":
            yield Problem(place, f"must be one of {', '.join(map(str, error.kind.options))}, not {error.instance!r}")
        case "pattern":
            yield Problem(place, _PATTERNS.get(name, f"is no {name}"))
        case "oneOf":
            yield Problem(place, f"needs exactly one of {', '.join(_choices(error))}")
        case _:
            yield Problem(place, error.message)


def _unknown(name: str, element: str, place: str) -> Problem:
    close = get_close_matches(element, _definitions()[name]["properties"], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return Problem(f"{place}.{element}", f"is no element of {name.replace('_', '.')}{hint}")


def _choices(error: Any) -> list[str]:
    node: Any = _definitions()
    for step in error.schema_path[1:]:
        node = node[step]
    return [choice["required"][0] for choice in node]
