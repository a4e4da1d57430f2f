"""JSON types against FHIR types (rule 20008), and unknown elements."""

from __future__ import annotations

from typing import Any

from sandbox.satusehat.resources.definitions import shape
from sandbox.satusehat.resources.outcomes import Issue

_TEXT = frozenset({"string", "code", "id", "uri", "date", "dateTime", "time", "markdown"})
_LOGICAL = "boolean"
_NUMBER = frozenset({"decimal", "integer"})


class Structure:
    """Walks one resource along its shape. Elements without a shape are accepted unchanged."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.issues: list[Issue] = []

    def check(self, resource: dict[str, Any]) -> list[Issue]:
        """Return all issues; in lenient mode unknown elements are dropped from `resource` instead."""
        kind = str(resource.get("resourceType"))
        self._object(resource, kind, kind)
        return self.issues

    def _object(self, node: dict[str, Any], name: str, at: str) -> None:
        types = shape(name)
        if types is None:
            return
        for element in list(node):
            expected = types.get(element)
            if expected is not None:
                self._value(node[element], expected, f"{at}.{element}")
            elif not element.startswith("_") and element != "fhir_comments":
                self._unknown(node, element, f"{at}.{element}")

    def _unknown(self, node: dict[str, Any], element: str, at: str) -> None:
        if self._strict:
            self._refuse(f'unknown field "{element}"', at)
        else:
            del node[element]

    def _value(self, value: Any, expected: str, at: str) -> None:
        if value is None or value in ("", [], {}):
            return  # the refusal of empty values names them
        if not expected.endswith("[]"):
            self._single(value, expected, at)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self._single(item, expected[:-2], f"{at}[{number}]")
        else:
            self._refuse(f"invalid value (expected an array of {expected[:-2]}): {value}", at)

    def _single(self, value: Any, expected: str, at: str) -> None:
        if expected in _TEXT:
            self._require(isinstance(value, str), f"invalid value (expected a {expected}): {value}", at)
        elif expected in _NUMBER:
            self._number(value, expected, at)
        elif expected == _LOGICAL:
            self._require(isinstance(value, bool), f"Invalid boolean value: {value}", at)
        elif isinstance(value, dict):
            self._object(value, expected, at)
        elif expected != "Any":
            name = expected.rpartition(".")[2]
            self._refuse(f"invalid value (expected a {name} object): {value}", at)

    def _number(self, value: Any, expected: str, at: str) -> None:
        right = isinstance(value, int) or (expected == "decimal" and isinstance(value, float))
        if isinstance(value, str):
            self._refuse(f"{expected.capitalize()} formated as a string: '{value}'", at)
        else:
            self._require(right and not isinstance(value, bool), f"Invalid {expected} value: {value}", at)

    def _require(self, right: bool, diagnostics: str, at: str) -> None:
        if not right:
            self._refuse(diagnostics, at)

    def _refuse(self, diagnostics: str, at: str) -> None:
        self.issues.append(
            {
                "severity": "error",
                "code": "structure",
                "details": {"text": "Failed to unmarshal request payload (RuleNumber: 20008)"},
                "diagnostics": diagnostics[:500],
                "expression": [at],
            }
        )
