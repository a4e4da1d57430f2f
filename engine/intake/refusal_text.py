"""Problem of a refused record as a text that is stored and said to people: without the value that is wrong."""

from __future__ import annotations

import re

from adapters.base import Problem
from adapters.messages import at, message, read_message
from engine.identifiers import masked
from engine.specs.text import Text

_DIGITS = re.compile(r"\^(?:\[0-9\]|\\d)\{(\d+)\}\$")  # the pattern of an identifier
# Words of templates: a value that a table does not have, and values that a filter cannot read.
_UNKNOWN = re.compile(r"'(?P<value>.*)' is undefined in tables\.\w+(; known: (?P<known>.*)|; did you .*)?", re.DOTALL)
_OF_FILTERS = {
    re.compile(r" is no number$"): "refused.no_number",
    re.compile(r" is no date\b|is out of range; write a year"): "refused.no_date",
}
# Rules of JSON Schema whose limit says what would be right.
_WITH_LIMIT = {
    *("type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minItems", "maxItems"),
    *("minimum", "maximum"),
}
_NAMES_PROPERTY = {"required", "additionalProperties"}  # their limit is the name of a property


def refusal_text(problem: Problem) -> str:
    """Return the problem with its place; of a rule of the schema what would be right, in both languages.

    The schema's own words repeat the value, which may be an identifier of a patient.
    """
    rule, limit = problem.rule, problem.limit
    if problem.both is not None:
        return at(problem.path, Text(masked(problem.both.id), masked(problem.both.en)))
    if rule in _NAMES_PROPERTY and limit and "," not in limit:
        return at(f"{problem.path}.{limit}", message(f"refused.{rule}"))
    if rule == "pattern" and (digits := _DIGITS.fullmatch(limit)):
        return at(problem.path, message("refused.digits", n=int(digits[1])))
    if rule == "minLength" and limit == "1":
        return at(problem.path, message("refused.empty"))
    if rule in _WITH_LIMIT:
        return at(problem.path, message(f"refused.{rule}", limit=limit))
    if rule:
        return at(problem.path, message("refused.rule", rule=rule))
    return at(problem.path, _words(problem.message))


def _words(text: str) -> str:
    """Return the words of a template as a message in both languages, where they are known."""
    if read_message(text):
        return text
    if found := _UNKNOWN.fullmatch(text):
        value, known = masked(found["value"]), found["known"]
        return (
            message("refused.unknown_of", value=value, known=known)
            if known
            else message("refused.unknown", value=value)
        )
    for pattern, key in _OF_FILTERS.items():
        if pattern.search(text):
            return message(key)
    return masked(text)
