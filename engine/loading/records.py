"""Records against their schema, with the path of each problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from adapters.base import Problem


class SchemaFault(Exception):
    """The schema itself is faulty; `steps` lead to the place in it."""

    def __init__(self, message: str, steps: list[str | int]) -> None:
        super().__init__(message)
        self.steps = steps


class Validator:
    """A compiled record schema, JSON Schema 2020-12 with formats. Raises SchemaFault."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True, retriever=_refuse)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            message = getattr(error, "message", None) or str(error).splitlines()[0]
            raise SchemaFault(message, list(getattr(error, "instance_path", ()))) from None

    def problems(self, record: Any) -> list[Problem]:
        """What is wrong with a record, each with its JSON path."""
        return [Problem(json_path(steps), message) for steps, message in self.faults(record)]

    def faults(self, record: Any) -> list[tuple[list[str | int], str]]:
        """The same with the path as steps."""
        return [(list(error.instance_path), error.message) for error in self._validator.iter_errors(record)]


def _refuse(address: str) -> Any:
    """A schema must not make us fetch anything."""
    raise ValueError(f"{address} is not in this record's schema")


def json_path(steps: list[str | int]) -> str:
    """["diagnoses", 0, "code"] -> $.diagnoses[0].code"""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
