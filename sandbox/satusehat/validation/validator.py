"""All issues of one resource: registration, element rules, references and duplicates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from sandbox.clock import Clock
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.definitions import definition, denied
from sandbox.satusehat.resources.outcomes import Issue, rule_issue
from sandbox.satusehat.resources.settings import SatuSehatSettings
from sandbox.satusehat.resources.store import Resource, Store, identifiers
from sandbox.satusehat.validation.checks import Context
from sandbox.satusehat.validation.conditions import another_of_its_kind, condition_issues
from sandbox.satusehat.validation.contents import empty_issues, period_issues, reference_issues, survey
from sandbox.satusehat.validation.rules import rule_issues

SYSTEMS = "http://sys-ids.kemkes.go.id/"
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class ResourceValidator:
    """Judges resources against the dictionary, the code lists and the store."""

    store: Store
    clock: Clock
    settings: SatuSehatSettings
    has_drug: Callable[[str], bool] | None = None

    def scope_issue(self, kind: str, client: Client) -> Issue | None:
        """Return 20003 for a type outside the client's registration, 20004 for its kind of facility."""
        if definition(kind).read_only or (client.types is not None and kind not in client.types):
            text = f"Failed to get permission for client for resource type {kind}"
            return rule_issue(text, 20003, code="forbidden")
        if kind in denied(client.access_class):
            text = f"Resource {kind} is not allowed for current access class"
            return rule_issue(text, 20004, code="forbidden")
        return None

    def issues(self, resource: Resource, client: Client, exists: Callable[[str], bool] | None = None) -> list[Issue]:
        """Return all issues but duplicates. `exists` replaces the store's own, for bundles."""
        kind = resource["resourceType"]
        context = Context(client.organization_id, self.clock.moment(), self.settings.strict, self.has_drug)
        seen = survey(resource)
        issues = empty_issues(seen, partial(_text_rule, kind))
        issues += rule_issues(resource, kind, definition(kind).rules, context)
        issues += _contained_issues(resource, context)
        issues += condition_issues(resource, definition(kind), self.store)
        issues += period_issues(seen)
        issues += reference_issues(seen, exists or self.store.exists, _contained_ids(resource))
        return issues

    def duplicate(self, resource: Resource) -> Issue | None:
        """Return an issue if another resource has one of the identifiers (20002), or is the only one of its kind."""
        kind = resource["resourceType"]
        if not self.settings.refuse_duplicates:
            return None
        for key in unique_keys(resource):
            if any(one.resource["id"] != resource.get("id") for one in self.store.having(kind, key)):
                return rule_issue(definition(kind).duplicate_text, code="duplicate")
        return another_of_its_kind(resource, definition(kind), self.store)


def unique_keys(resource: Resource) -> list[str]:
    """Return the identifiers (`system|value`) that may be used once for this type."""
    segment = definition(resource["resourceType"]).unique_system
    start = f"{SYSTEMS}{segment}/"
    return [one for one in identifiers(resource) if one.startswith(start)] if segment else []


def is_error(issue: Issue) -> bool:
    return bool(issue["severity"] == "error")


def _text_rule(kind: str, at: str) -> int | None:
    """Return the rule number of a text element by its expression, indexes ignored."""
    return _text_rules(kind).get(_INDEX.sub("", at))


@cache
def _text_rules(kind: str) -> dict[str, int]:
    return {one.element: one.number for one in definition(kind).rules if one.number and one.kind == "string"}


def _contained_ids(resource: Resource) -> set[str]:
    return {str(one.get("id")) for one in resource.get("contained", []) if isinstance(one, dict)}


def _contained_issues(resource: Resource, context: Context) -> list[Issue]:
    """Check the element rules of contained resources, e.g. the drug of a prescription."""
    issues: list[Issue] = []
    for number, one in enumerate(resource.get("contained", [])):
        kind = str(one.get("resourceType")) if isinstance(one, dict) else ""
        place = f"{resource['resourceType']}.contained[{number}]"
        issues += rule_issues(one, place, definition(kind).rules, context) if kind else []
    return issues
