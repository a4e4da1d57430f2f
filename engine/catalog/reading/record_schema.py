"""Validates records against their schema, and record schemas against JSON Schema, with the place of each violation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator

from adapters.base import Problem
from engine.catalog.reading import values
from engine.source.faults import did_you_mean
from engine.source.tree import Node
from engine.specs.formats import EXPECTED, FORMATS

Steps = list[str | int]  # path to a value: names of properties, indexes of lists


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of a schema and its place; `at_key`: the name of the property is wrong, not its value."""

    steps: Steps
    message: str
    at_key: bool = False


class SchemaFaults(Exception):
    """The schema itself is faulty."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = violations


def declared_schema(node: Node) -> dict[str, Any]:
    """Return the JSON Schema under `record`: an object without undeclared properties, unless it says otherwise."""
    return {"type": "object", "additionalProperties": False, **values.plain_mapping(node, "record")}


def compiled(schema: Mapping[str, Any]) -> jsonschema_rs.Validator:
    """Compile a record schema, JSON Schema 2020-12 with formats; raises an error of jsonschema_rs or ValueError."""
    return jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True, formats=FORMATS, retriever=_refuse)


def message_of(error: jsonschema_rs.ValidationError) -> str:
    """Return the message of a violation; of a format it says what would be right."""
    expected = EXPECTED.get(str(error.kind.as_dict().get("format"))) if error.kind.name == "format" else None
    return f"{error.message}; {expected}" if expected else str(error.message)


class Validator:
    """A compiled record schema. Raises SchemaFaults."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = compiled(schema)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaFaults(_schema_faults(schema) or [_violation(error)]) from None

    def problems(self, record: Any) -> list[Problem]:
        """Return the violations of a record, each with its JSON path."""
        return [Problem(json_path(violation.steps), violation.message) for violation in self.violations(record)]

    def violations(self, record: Any) -> list[Violation]:
        """Return the violations of a record, each with its path as steps."""
        return [violation for error in self._validator.iter_errors(record) for violation in _of_record(error)]


def json_path(steps: Steps) -> str:
    """Return the steps as a JSON path: ["diagnoses", 0, "code"] -> $.diagnoses[0].code."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _of_record(error: Any) -> list[Violation]:
    """Return the violations of an error; unknown properties are reported one by one, each at its own place."""
    steps = list(error.instance_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [
            Violation([*steps, name], f"{name!r} is not declared in `record`", at_key=True)
            for name in error.kind.unexpected
        ]
    return [Violation(steps, message_of(error))]


def _violation(error: Exception) -> Violation:
    return Violation(list(getattr(error, "instance_path", ())), getattr(error, "message", None) or str(error))


def _schema_faults(schema: Mapping[str, Any]) -> list[Violation]:
    """Return all faults of a record schema; slow, so only called for a schema that is known to be faulty."""
    validator = Draft202012Validator(
        Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [Violation(list(error.absolute_path), _sentence(error)) for error in validator.iter_errors(schema)]


def _sentence(error: Any) -> str:
    steps = list(error.absolute_path)
    if steps and steps[-1] == "type":
        types = ("string", "integer", "number", "boolean", "object", "array", "null")
        return f"no JSON type {error.instance!r}{did_you_mean(str(error.instance), types)}"
    if error.validator == "format":
        return f"no regular expression: {error.instance!r}"
    return str(error.message)


def _refuse(address: str) -> Any:
    """Refuse to fetch a referenced schema: a configuration must not cause requests."""
    raise ValueError(f"{address} is not in this record's schema")
