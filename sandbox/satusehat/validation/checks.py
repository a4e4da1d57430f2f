"""One check per kind of element rule: codings, identifiers, references, dates, numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.satusehat.resources.definitions import Rule
from sandbox.satusehat.resources.moments import FIRST_DAY, WARN_BEFORE, is_time, parse_date, parse_datetime
from sandbox.satusehat.resources.outcomes import Issue, rule_issue
from sandbox.satusehat.resources.terminology import KFA, code_exists

UCUM = "http://unitsofmeasure.org"
CREATOR = "http://sys-ids.kemkes.go.id/creator"
EARLIEST_MIDNIGHT = timedelta(hours=14)  # a local date may be ahead of the UTC date by this much


@dataclass(frozen=True, slots=True)
class Context:
    """Facts that the rules are checked against: the client's organization, the time, the strictness."""

    organization_id: str
    now: datetime
    strict: bool
    # Returns True if the dictionary of medicines has a code; None where there is no dictionary.
    has_drug: Callable[[str], bool] | None = None


def missing(rule: Rule, at: str) -> Issue:
    words = "Reference is mandatory :" if rule.kind == "reference" else "Element not found:"
    return rule_issue(rule.text or f"{words} {rule.element}", rule.number, at)


def _present(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    return []


def _coding(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    """Check a Coding, or the codings of a CodeableConcept."""
    codings = value.get("coding", [value] if "code" in value or "system" in value else [])
    issues = []
    for number, coding in enumerate(codings):
        place = f"{at}[{number}].code" if "coding" in value else f"{at}.code"
        issues.extend(_system_and_code(rule, coding, place, context))
    if rule.required and not codings:
        issues.append(missing(rule, at))
    return issues


def _system_and_code(rule: Rule, coding: dict[str, Any], at: str, context: Context) -> list[Issue]:
    system, code = str(coding.get("system", "")), coding.get("code", "")
    if system not in rule.systems and (context.strict or system not in rule.also):
        return [rule_issue(f"Invalid coding system: {system}", rule.number, at)]
    if system == KFA and context.has_drug is not None:
        exists = context.has_drug(str(code))
    else:
        exists = code_exists(system, code, strict=context.strict)
    if not exists:
        return [rule_issue(f"Code not found: '{code}' in system: {system}", rule.number, at)]
    return []


def _code(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    """Check a plain code bound to one of the rule's value sets."""
    if any(code_exists(system, value, strict=context.strict) for system in rule.systems):
        return []
    system = min(rule.systems)
    return [rule_issue(f"Code not found: '{value}' in system: {system}", rule.number, at)]


def _unit(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    """Check a Quantity with a UCUM unit; a missing system is reported by rule 10480."""
    system, code = value.get("system"), value.get("code", "")
    if system and system != UCUM:
        return [rule_issue(f"Invalid coding system: {system}", rule.number, f"{at}.code")]
    allowed = code in rule.codes if rule.codes else code_exists(UCUM, code, strict=context.strict)
    if allowed:
        return []
    return [rule_issue(f"Code not found: '{code}' in system: {UCUM}", rule.number, f"{at}.code")]


def _unit_system(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    if value.get("system"):
        return []
    return [rule_issue("Invalid coding system: ", rule.number, f"{at}.system")]


def _identifier(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    system = str(value.get("system", ""))
    taken = rule.systems if context.strict else rule.systems | rule.also
    if system == CREATOR:
        return []
    if system in {one.replace("{org}", context.organization_id) for one in taken}:
        return [] if value.get("value") else [_no_identifier_value(rule, at)]
    if any("{org}" in one and system.startswith(one.partition("{org}")[0]) for one in taken):
        text = f"Wrong organization ID provided by system URL: {system}"
    else:
        text = f"Invalid identifier system: {system}"
    return [rule_issue(text, rule.number, f"{at}.system")]


def _no_identifier_value(rule: Rule, at: str) -> Issue:
    return rule_issue("Identifier value not found", rule.number, f"{at}.value")


def _reference(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    reference = str(value.get("reference") or "") if isinstance(value, dict) else ""
    target = reference.partition("/")[0]
    if not rule.targets or not reference or reference.startswith(("urn:uuid:", "#")) or target in rule.targets:
        return []
    return [rule_issue(f"Invalid reference: {reference}", rule.number, at)]


def _datetime(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    moment = parse_datetime(value)
    number = f" (RuleNumber: {rule.number})" if rule.number else ""
    if moment is None:
        text = f"Invalid date time format : {value}{number}. Format allowed : YYYY-MM-DDThh:mm:ss+00:00"
        return [rule_issue(text, at=at, code="format")]
    if moment < FIRST_DAY or (moment > context.now and not rule.future):
        text = f"Invalid date time value : {value}{number}"
        return [rule_issue(f"{text} Not Allowed : Future Date or Past Date before 3rd June 2014", at=at)]
    if moment < WARN_BEFORE:
        issue = rule_issue(f"Date before 31st August 2022: {value}", rule.number, at)
        return [{**issue, "severity": "warning"}]
    return []


def _date(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    day = parse_date(value)
    if day is None:
        text = f"Invalid date format : {value} (RuleNumber: {rule.number}). Format allowed : YYYY-MM-DD"
        return [rule_issue(text, at=at, code="format")]
    if day > (context.now + EARLIEST_MIDNIGHT).date() and not rule.future:
        return [rule_issue(f"Invalid date value : {value}", rule.number, at)]
    return []


def _date_or_datetime(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    """Accept a date alone; a time must have its zone."""
    return [] if parse_date(value) is not None and rule.future else _datetime(rule, value, at, context)


def _time(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    return [] if is_time(value) else [rule_issue(f"Invalid time format : {value}", rule.number, at)]


def _number(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    """Require a JSON number; where the shape is known, text was already refused with 20008."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return []
    return [rule_issue(f"Invalid decimal value: {value}", rule.number, at)]


def _string(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    return [] if isinstance(value, str) else [rule_issue(f"Invalid text: {value}", rule.number, at)]


def _boolean(rule: Rule, value: Any, at: str, context: Context) -> list[Issue]:
    return [] if isinstance(value, bool) else [rule_issue(f"Invalid boolean value: {value}", rule.number, at)]


Check = Callable[[Rule, Any, str, Context], list[Issue]]

CHECKS: dict[str, Check] = {
    "element": _present,
    "coding": _coding,
    "code": _code,
    "unit": _unit,
    "unit-system": _unit_system,
    "identifier": _identifier,
    "reference": _reference,
    "datetime": _datetime,
    "date": _date,
    "date-or-datetime": _date_or_datetime,
    "time": _time,
    "decimal": _number,
    "number": _number,
    "string": _string,
    "boolean": _boolean,
}
