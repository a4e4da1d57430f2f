"""Checks of every type of resource: no empty values, ends after starts, references that resolve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.satusehat.resources.moments import parse_datetime
from sandbox.satusehat.resources.outcomes import Issue, rule_issue, store_issue


@dataclass(slots=True)
class Survey:
    """Findings of one walk over a resource."""

    empty: list[tuple[str, Any]] = field(default_factory=list)
    references: list[tuple[str, str]] = field(default_factory=list)  # (expression, text) of every reference
    backwards: list[str] = field(default_factory=list)  # expressions of periods that end before they start


def survey(resource: dict[str, Any]) -> Survey:
    """Walk over a whole resource once."""
    seen = Survey()
    _walk(resource, str(resource.get("resourceType")), seen)
    return seen


def _walk(node: Any, at: str, seen: Survey) -> None:
    if isinstance(node, dict):
        _look_at(node, at, seen)
        for name, child in node.items():
            _visit(child, f"{at}.{name}", seen)
    else:
        for number, child in enumerate(node):
            _visit(child, f"{at}[{number}]", seen)


def _visit(child: Any, at: str, seen: Survey) -> None:
    if isinstance(child, dict | list) and child:
        _walk(child, at, seen)
    elif child is None or child == "" or child == [] or child == {}:
        seen.empty.append((at, child))


def _look_at(node: dict[str, Any], at: str, seen: Survey) -> None:
    reference = node.get("reference")
    if isinstance(reference, str):
        seen.references.append((at, reference))
    if "end" in node and "start" in node:
        start, end = parse_datetime(node["start"]), parse_datetime(node["end"])
        if start is not None and end is not None and end < start:
            seen.backwards.append(at)


def empty_issues(seen: Survey, rule_at: Callable[[str], int | None]) -> list[Issue]:
    """Refuse `[]`, `{}`, `""` and null. An empty text carries its element's rule number."""
    issues = []
    for at, value in seen.empty:
        if value == "":
            issues.append(rule_issue("Text is empty: ''", rule_at(at), at))
        else:
            text = {"None": "null"}.get(str(value), str(value))
            diagnostics = f"invalid value (expected a {at.rpartition('.')[2]} object): {text}"
            issues.append(store_issue("unparseable_resource", diagnostics, at))
    return issues


def period_issues(seen: Survey) -> list[Issue]:
    """Return an issue of the store for each period that ends before it starts."""
    return [store_issue("unparseable_resource", f"fhirpath-constraint-violation-{at}", at) for at in seen.backwards]


def reference_issues(seen: Survey, exists: Callable[[str], bool], contained: set[str]) -> list[Issue]:
    """Rule 20007: every `Type/id`, `urn:uuid:` of the bundle or `#contained` must resolve."""
    issues = []
    for at, reference in seen.references:
        if not (reference[1:] in contained if reference.startswith("#") else exists(reference)):
            issues.append(rule_issue(f"Resource not found {reference}", 20007, at))
    return issues
