"""Error bodies of the platform's three layers: gateway, validator, store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.messages import SandboxAnswer, json_answer

Issue = dict[str, Any]


def gateway_fault(status: int, text: str, code: str) -> SandboxAnswer:
    """Return the gateway's own body; a 401 also names the error in WWW-Authenticate."""
    challenge = f'Bearer realm="null",error="invalid_token",error_description="{code}: {text}"'
    headers = [("www-authenticate", challenge)] if status == 401 else []
    return json_answer(status, {"fault": {"faultstring": text, "detail": {"errorcode": code}}}, headers)


def rule_issue(text: str, rule: int | None = None, at: str | None = None, code: str = "value") -> Issue:
    """Return one violation as the validator words it; the rule number appears only in the text."""
    numbered = text if rule is None else f"{text} (RuleNumber: {rule})"
    issue: Issue = {"severity": "error", "code": code, "details": {"text": numbered}}
    if at is not None:
        issue["expression"] = [at]
    return issue


def store_issue(key: str, diagnostics: str, at: str | None = None, code: str = "structure") -> Issue:
    """Return one violation as the store words it: a short key, and the cause in `diagnostics`."""
    issue: Issue = {
        "severity": "error",
        "code": code,
        "details": {"text": key},
        "diagnostics": diagnostics,
    }
    if at is not None:
        issue["expression"] = [at]
    return issue


def refused(issues: Sequence[Issue], status: int = 400) -> SandboxAnswer:
    """Return the validator's answer: all violations in one OperationOutcome."""
    body = {"resourceType": "OperationOutcome", "text": {"status": "generated"}, "issue": list(issues)}
    return json_answer(status, body)


def store_refused(issue: Issue, status: int = 400) -> SandboxAnswer:
    """Return the store's answer, which has no `text`."""
    return json_answer(status, {"resourceType": "OperationOutcome", "issue": [issue]})


def not_found(reference: str) -> SandboxAnswer:
    """Return 404 for an id that the store does not hold."""
    diagnostics = f"resource not found: {reference}"
    return store_refused(store_issue("storage_error", diagnostics, code="no-store"), 404)


def no_permission() -> SandboxAnswer:
    """Return 403 for a resource of another facility."""
    return refused([rule_issue("You don't have permission to edit resource", code="forbidden")], 403)
