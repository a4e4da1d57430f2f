"""The element rules of one type; all violations are collected."""

from __future__ import annotations

from typing import Any

from sandbox.satusehat.resources.definitions import Rule
from sandbox.satusehat.resources.outcomes import Issue
from sandbox.satusehat.resources.paths import elements, find, values
from sandbox.satusehat.validation.checks import CHECKS, Context, missing


def rule_issues(resource: dict[str, Any], kind: str, rules: tuple[Rule, ...], context: Context) -> list[Issue]:
    """Return every violated rule; a repeated sentence about the same place is reported once."""
    issues: dict[tuple[str, str], Issue] = {}
    for rule in rules:
        if not rule.required and rule.path[0].name not in resource:
            continue
        if all(allowed.intersection(map(str, values(resource, path))) for path, allowed in rule.when):
            for issue in _apply(rule, resource, kind, context):
                issues.setdefault((issue["details"]["text"], issue["expression"][0]), issue)
    return list(issues.values())


def _apply(rule: Rule, resource: dict[str, Any], kind: str, context: Context) -> list[Issue]:
    selected = find(resource, rule.path, kind)
    issues = [missing(rule, at) for value, at in selected if rule.required and _absent(rule, value)]
    if rule.required and not selected:
        issues.append(missing(rule, rule.element))
    check = CHECKS[rule.kind]
    for whole, whole_at in selected:
        for value, at in elements(whole, whole_at):
            if value is not None and value != "":
                issues.extend(check(rule, value, at, context))
    return issues


def _absent(rule: Rule, value: Any) -> bool:
    if rule.kind == "reference" and isinstance(value, dict):
        return str(value.get("reference") or "").rpartition("/")[2] == ""
    return value is None or value in ([], {})
