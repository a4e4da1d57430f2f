"""Problem of a refused record as a text that is stored and said to people: without the value that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

from adapters.base import Problem
from adapters.messages import at, message, read_message
from engine.identifiers import masked
from engine.specs.text import Text

_DIGITS = re.compile(r"\^(?:\[0-9\]|\\d)\{(\d+)\}\$")  # the pattern of an identifier
# Words of templates: a value that a table does not have, and values that a filter cannot read.
_UNKNOWN = re.compile(r"'(?P<value>.*)' is undefined in tables\.\w+(; known: (?P<known>.*)|; did you .*)?", re.DOTALL)
_OF_FILTERS = {
    re.compile(r" is no number$"): message("refused.no_number"),
    re.compile(r" is no date\b|is out of range; write a year"): message("refused.no_date"),
}
# Rules of JSON Schema by name; the limit says what would be right.
_RULES: dict[str, Callable[[str], str]] = {
    "type": lambda limit: message("refused.type", limit=limit),
    "enum": lambda limit: message("refused.enum", limit=limit),
    "const": lambda limit: message("refused.const", limit=limit),
    "format": lambda limit: message("refused.format", limit=limit),
    "pattern": lambda limit: message("refused.pattern", limit=limit),
    "minLength": lambda limit: message("refused.empty") if limit == "1" else message("refused.short", limit=limit),
    "maxLength": lambda limit: message("refused.long", limit=limit),
    "minItems": lambda limit: message("refused.few", limit=limit),
    "maxItems": lambda limit: message("refused.many", limit=limit),
    "minimum": lambda limit: message("refused.little", limit=limit),
    "maximum": lambda limit: message("refused.much", limit=limit),
}
# Rules whose limit is the name of a property.
_OF_PROPERTY = {"required": message("refused.required"), "additionalProperties": message("refused.undeclared")}


def refusal_text(problem: Problem) -> str:
    """Return the problem with its place; of a rule of the schema what would be right, in both languages.

    The schema's own words repeat the value, which may be an identifier of a patient.
    """
    rule, limit = problem.rule, problem.limit
    if problem.both is not None:
        return at(problem.path, Text(masked(problem.both.id), masked(problem.both.en)))
    if rule in _OF_PROPERTY and limit and "," not in limit:
        return at(f"{problem.path}.{limit}", _OF_PROPERTY[rule])
    if rule == "pattern" and (digits := _DIGITS.fullmatch(limit)):
        return at(problem.path, message("refused.digits", n=int(digits[1])))
    if rule in _RULES:
        return at(problem.path, _RULES[rule](limit))
    if rule:
        return at(problem.path, message("refused.rule", rule=rule))
    return at(problem.path, _words(problem.message))


def _words(text: str) -> str:
    """Return the words of a template as a message in both languages, where they are known."""
    if read_message(text):
        return text
    if found := _UNKNOWN.fullmatch(text):
        value, known = masked(found["value"]), found["known"]
        if known:
            return message("refused.unknown_of", value=value, known=known)
        return message("refused.unknown", value=value)
    for pattern, words in _OF_FILTERS.items():
        if pattern.search(text):
            return words
    return masked(text)
