"""Pre-flight check: finds content that SatuSehat would refuse, by the JSON schema of FHIR R4, before it is sent."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache, reduce
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from adapters.base import Problem
from adapters.messages import message

SCHEMA = Path(__file__).with_name("fhir_r4.schema.json.gz")  # written by vendor_schema.py

MAX_PROBLEMS = 20  # problems that are reported for one payload

_DEFINITIONS = "#/definitions/"
# FHIR's dateTime may be only a year or a day; SatuSehat wants date, time and time zone.
_FULL_DATE_TIME = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
    r"(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
)

_DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_CALENDAR = "calendar"  # name of a format of ours
_EMPTY = message("preflight.empty")
_DATE_TIME, _ADDRESS = message("preflight.date_time"), message("preflight.address")
_PATTERNS = {
    "dateTime": _DATE_TIME,
    "instant": _DATE_TIME,
    "date": message("preflight.date"),
    "time": message("preflight.time"),
    "code": message("preflight.code"),
    "id": message("preflight.id"),
    "string": _EMPTY,
    "uri": _ADDRESS,
    "url": _ADDRESS,
    "canonical": _ADDRESS,
}
_TEXT, _BOOLEAN, _NUMBER = message("preflight.text"), message("preflight.boolean"), message("preflight.number")
_OBJECT, _LIST = message("preflight.object"), message("preflight.list")
_KINDS = {str: _TEXT, bool: _BOOLEAN, int: _NUMBER, float: _NUMBER, dict: _OBJECT, list: _LIST}
_TYPES = {
    "string": _TEXT,
    "boolean": _BOOLEAN,
    "number": _NUMBER,
    "integer": message("preflight.integer"),
    "object": _OBJECT,
    "array": _LIST,
}


def check(payload: Any) -> list[Problem]:
    """Return the problems of a resource, none if FHIR R4 allows it. The first one of a type compiles its schema."""
    if isinstance(payload, list) and payload and all(isinstance(one, dict) and "op" in one for one in payload):
        return []  # a JSON Patch: the resource that it makes is not known here
    return list(islice(_problems(payload, "$"), MAX_PROBLEMS))


def _problems(resource: Any, path: str) -> Iterator[Problem]:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    validator = _validator(kind) if isinstance(kind, str) else None
    if validator is None:
        unknown = message("preflight.unknown_resource", type=repr(kind))
        yield Problem(f"{path}.resourceType", message("preflight.no_resource") if kind is None else unknown)
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
    return jsonschema_rs.Draft6Validator(
        schema,
        pattern_options=jsonschema_rs.RegexOptions(),
        validate_formats=True,
        formats={_CALENDAR: _is_of_calendar},
    )


@cache
def _definitions() -> dict[str, Any]:
    definitions: dict[str, Any] = orjson.loads(gzip.decompress(SCHEMA.read_bytes()))
    definitions["dateTime"] = {"type": "string", "pattern": _FULL_DATE_TIME}
    definitions["string"] = {"type": "string", "pattern": r"\S"}  # FHIR's own pattern lets blanks pass for a text
    for name in ("date", "dateTime", "instant"):
        definitions[name] = {**definitions[name], "format": _CALENDAR}
    return definitions


def _is_of_calendar(text: str) -> bool:
    """Return whether the day of a date or date-time exists; what has no day breaks the pattern or is a month."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return _DAY.match(text) is None
    return True


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
            yield Problem(f"{place}.{error.kind.property}", message("preflight.missing", type=name.replace("_", ".")))
        case "additionalProperties":
            yield from (_unknown(name, element, place) for element in error.kind.unexpected)
        case "type":
            yield Problem(place, _wrong_type(error))
        case "enum":
            yield Problem(place, _not_among(error))
        case "pattern" | "format":
            yield Problem(place, _PATTERNS.get(name) or message("preflight.pattern", type=name))
        case "oneOf":
            yield Problem(place, _one_of(error))
        case _:
            yield Problem(place, error.message)


def _unknown(name: str, element: str, place: str) -> Problem:
    close = get_close_matches(element, _definitions()[name]["properties"], n=1)
    type_ = name.replace("_", ".")
    fault = (
        message("preflight.element_of", type=type_, near=close[0])
        if close
        else message("preflight.element", type=type_)
    )
    return Problem(f"{place}.{element}", fault)


def _wrong_type(error: Any) -> str:
    kinds = [_TYPES.get(kind, kind) for kind in error.kind.types]
    types = reduce(lambda one, other: message("preflight.or", one=one, other=other), kinds)
    present = _KINDS.get(type(error.instance))
    return (
        message("preflight.type_not", types=types, kind=present) if present else message("preflight.type", types=types)
    )


def _not_among(error: Any) -> str:
    options = ", ".join(map(str, error.kind.options))
    return message("preflight.options", options=options, value=repr(error.instance))


def _one_of(error: Any) -> str:
    """Say which elements exclude each other; of a choice that may be absent only those that are there."""
    node: Any = _definitions()
    for step in error.schema_path[1:]:
        node = node[step]
    names = [choice["required"][0] for choice in node if "required" in choice]
    if len(names) < len(node):
        return message("preflight.only_one_of", names=", ".join(name for name in names if name in error.instance))
    return message("preflight.one_of", names=", ".join(names))
