"""Records against their schema, and record schemas against JSON Schema itself, with the place of each fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator

from adapters.base import Problem
from engine.source.faults import did_you_mean

Steps = list[str | int]  # the way to a value: names of properties, places in lists


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong and where; `at_key`: the very name is wrong, not its value."""

    steps: Steps
    message: str
    at_key: bool = False


class SchemaFaults(Exception):
    """The schema itself is faulty."""

    def __init__(self, wrong: list[Wrong]) -> None:
        super().__init__("; ".join(each.message for each in wrong))
        self.wrong = wrong


class Validator:
    """A compiled record schema, JSON Schema 2020-12 with formats. Raises SchemaFaults."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True, retriever=_refuse)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaFaults(_schema_faults(schema) or [_told(error)]) from None

    def problems(self, record: Any) -> list[Problem]:
        """What is wrong with a record, each with its JSON path."""
        return [Problem(json_path(each.steps), each.message) for each in self.wrong(record)]

    def wrong(self, record: Any) -> list[Wrong]:
        """The same with the path as steps."""
        return [each for error in self._validator.iter_errors(record) for each in _of_record(error)]


def json_path(steps: Steps) -> str:
    """["diagnoses", 0, "code"] -> $.diagnoses[0].code"""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _of_record(error: Any) -> list[Wrong]:
    """An unknown property is told at its own place."""
    steps = list(error.instance_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [
            Wrong([*steps, name], f"{name!r} is not declared in `record`", at_key=True)
            for name in error.kind.unexpected
        ]
    return [Wrong(steps, error.message)]


def _told(error: Exception) -> Wrong:
    return Wrong(list(getattr(error, "instance_path", ())), getattr(error, "message", None) or str(error))


def _schema_faults(schema: Mapping[str, Any]) -> list[Wrong]:
    """All that JSON Schema itself finds; slow, so only asked where there is something to find."""
    validator = Draft202012Validator(
        Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [Wrong(list(error.absolute_path), _sentence(error)) for error in validator.iter_errors(schema)]


def _sentence(error: Any) -> str:
    steps = list(error.absolute_path)
    if steps and steps[-1] == "type":
        types = ("string", "integer", "number", "boolean", "object", "array", "null")
        return f"no JSON type {error.instance!r}{did_you_mean(str(error.instance), types)}"
    if error.validator == "format":
        return f"no regular expression: {error.instance!r}"
    return str(error.message)


def _refuse(address: str) -> Any:
    """A schema must not make us fetch anything."""
    raise ValueError(f"{address} is not in this record's schema")
