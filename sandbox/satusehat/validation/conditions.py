"""Conditions between elements: one of several is present, moments are in order, a drug has the right level."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from sandbox.satusehat.resources.definitions import Definition, When
from sandbox.satusehat.resources.moments import parse_date, parse_datetime
from sandbox.satusehat.resources.outcomes import Issue, rule_issue, store_issue
from sandbox.satusehat.resources.paths import values
from sandbox.satusehat.resources.store import Store
from sandbox.satusehat.resources.terminology import KFA


def condition_issues(resource: dict[str, Any], stated: Definition, store: Store) -> list[Issue]:
    """Return every condition of the type that does not hold."""
    return [
        *_absent(resource, stated),
        *_backwards(resource, stated),
        *_without_code(resource, stated),
        *_wrong_level(resource, stated, store),
    ]


def _absent(resource: dict[str, Any], stated: Definition) -> Iterator[Issue]:
    for one in stated.one_of:
        if not any(resource.get(name) for name in one["names"]):
            yield rule_issue(f"Element not found: {one['element']}", one["rule"], one["element"])


def _backwards(resource: dict[str, Any], stated: Definition) -> Iterator[Issue]:
    kind = resource["resourceType"]
    for one in stated.ordered:
        first, then = _moment(resource.get(one["first"])), _moment(resource.get(one["then"]))
        if first is None or then is None or then >= first:
            continue
        if "rule" in one:
            yield rule_issue(one["text"], int(one["rule"]), f"{kind}.{one['then']}")
        else:
            yield store_issue("unparseable_resource", f"fhirpath-constraint-violation-{kind}.{one['then']}", kind)


def _moment(value: Any) -> datetime | None:
    """Return a moment, or the end of a date."""
    day = parse_date(value)
    return parse_datetime(value) if day is None else datetime.combine(day, time.max, UTC)


def _without_code(resource: dict[str, Any], stated: Definition) -> Iterator[Issue]:
    for one in stated.one_code:
        if holds(resource, one.when) and not one.codes.intersection(map(str, values(resource, one.path))):
            yield rule_issue(one.text, one.number, resource["resourceType"])


def holds(resource: dict[str, Any], when: When) -> bool:
    """Return True if each path has one of its values."""
    return all(allowed.intersection(map(str, values(resource, path))) for path, allowed in when)


def another_of_its_kind(resource: dict[str, Any], stated: Definition, store: Store) -> Issue | None:
    """Return an issue if another resource has the same values where only one may have them."""
    one = stated.one_of_its_kind
    if one is None or not holds(resource, one.when):
        return None
    ours = [values(resource, path) for path in one.paths]
    for other in store.of_type(resource["resourceType"]):
        same = [values(other.resource, path) for path in one.paths] == ours
        if same and other.resource["id"] != resource.get("id"):
            return rule_issue(one.text, one.number, resource["resourceType"])
    return None


def _wrong_level(resource: dict[str, Any], stated: Definition, store: Store) -> Iterator[Issue]:
    """Require a product (93), not a template, in a dispense; a compound has no code and is not checked."""
    if not stated.drug_prefix:
        return
    rule, prefix, at = stated.drug_prefix["rule"], stated.drug_prefix["prefix"], "medicationReference"
    for coding in _medicine(resource, store).get("code", {}).get("coding", []):
        code = str(coding.get("code"))
        if coding.get("system") == KFA and not code.startswith(prefix):
            text = f"Code not found: '{code}' in system: {KFA}"
            yield rule_issue(text, rule, f"{resource['resourceType']}.{at}")


def _medicine(resource: dict[str, Any], store: Store) -> dict[str, Any]:
    """Return the drug that a resource refers to, contained or stored; empty if it is neither."""
    reference = str((resource.get("medicationReference") or {}).get("reference", ""))
    for one in resource.get("contained", []):
        if reference == f"#{one.get('id')}":
            return dict(one)
    kind, _, id_ = reference.partition("/")
    stored = store.get(kind, id_)
    return stored.resource if stored else {}
