"""What SatuSehat would refuse, found before it is sent: the shape of FHIR R4 and its JSON rules (reference 2.6)."""

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

SCHEMA = Path(__file__).with_name("fhir_r4.schema.json.gz")  # made by vendor_schema.py

MAX_PROBLEMS = 20  # problems that are told of one payload

_DEFINITIONS = "#/definitions/"
# FHIR allows a year or a day, SatuSehat does not (reference 2.5).
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
    """Its problems, none if it is a resource that FHIR R4 allows. The first of each type compiles its schema."""
    return list(islice(_problems(payload, "$"), MAX_PROBLEMS))


def _problems(resource: Any, path: str) -> Iterator[Problem]:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    validator = _validator(kind) if isinstance(kind, str) else None
    if validator is None:
        said = "is missing" if kind is None else f"{kind!r} is no resource type of FHIR R4"
        yield Problem(f"{path}.resourceType", f"{said}; name the type as FHIR spells it")
        return
    if not validator.is_valid(resource):
        yield from _explain(validator, resource, path)
    for inner_path, inner in _inner_resources(resource, path):
        yield from _problems(inner, inner_path)


def _inner_resources(resource: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Resources within: contained ones, and those of a bundle's entries."""
    for name, key in (("contained", None), ("entry", "resource")):
        for index, item in enumerate(resource.get(name) or ()):
            if key is None:
                yield f"{path}.{name}[{index}]", item
            elif isinstance(item, dict) and key in item:
                yield f"{path}.{name}[{index}].{key}", item[key]


@lru_cache(maxsize=256)
def _validator(kind: str) -> jsonschema_rs.Validator | None:
    """The compiled schema of one resource type, with only the definitions that it reaches."""
    known = _definitions()
    if "resourceType" not in known.get(kind, {}).get("properties", {}):
        return None
    needed: dict[str, Any] = {}
    wanted = [kind]
    while wanted:
        name = wanted.pop()
        if name not in needed:
            needed[name] = known[name]
            wanted.extend(_references(known[name]))
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
    """One problem for each place: of an empty value nothing is told but that it is empty."""
    empty: set[str] = set()
    for error in validator.iter_errors(resource):
        place = path + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        if error.instance in (None, "", [], {}):
            if place not in empty:
                yield Problem(place, _EMPTY)
            empty.add(place)
        else:
            yield from _told(error, place)


def _told(error: Any, place: str) -> Iterator[Problem]:
    name = str(error.schema_path[1])  # definitions, the name of one, ...
    match error.kind.name:
        case "required":
            yield Problem(f"{place}.{error.kind.property}", f"is missing; {name.replace('_', '.')} requires it")
        case "additionalProperties":
            yield from (_unknown(name, element, place) for element in error.kind.unexpected)
        case "type":
            wanted = " or ".join(_TYPES.get(kind, kind) for kind in error.kind.types)
            yield Problem(place, f"must be {wanted}, not {_KINDS.get(type(error.instance), 'this')}")
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
