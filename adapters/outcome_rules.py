"""Declarative outcome rules: which answer means which verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter
from msgspec import Struct

# Shared: ParsedResult.search builds one for each question, which costs more than the question.
_INTERPRETER = TreeInterpreter()


@dataclass(frozen=True, slots=True)
class Extract:
    """How to read a text out of an answer: a JMESPath, then optionally the first group of a pattern."""

    path: ParsedResult
    pattern: re.Pattern[str] | None = None

    def read(self, content: Any) -> str | None:
        """The text, several values joined by "; ", or None where the answer has none."""
        found = _search(self.path, content)
        values = found if isinstance(found, list) else [found]
        texts = [str(value) for value in values if value is not None]
        if self.pattern is None:
            return "; ".join(texts) or None
        matches = (self.pattern.search(text) for text in texts)
        return next((match.group(1) for match in matches if match), None)


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """Conditions that must all hold, and the verdict if they do. An absent condition holds."""

    verdict: str
    statuses: tuple[range, ...] = ()
    methods: frozenset[str] = frozenset()
    when: ParsedResult | None = None  # A JMESPath on the JSON body that must give something true
    codes: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None  # A pattern searched in the whole body
    # A part of the content type, e.g. "html".
    media: str | None = None
    renew: bool = False  # renew the credential and ask once more before this verdict counts
    look: bool = False  # look whether the record is there before a rejection counts
    repeated: bool = False  # only for a repeat of what may have arrived already


class Answer(Struct, frozen=True):
    """What came back, as the rules see it."""

    method: str
    status: int
    media: str
    text: str
    content: Any
    code: str | None
    repeated: bool = False


def first_match(rules: Iterable[OutcomeRule], answer: Answer) -> OutcomeRule | None:
    """The first rule whose conditions all hold."""
    return next((rule for rule in rules if _holds(rule, answer)), None)


def concerning(rules: Iterable[OutcomeRule], method: str, status: int) -> tuple[OutcomeRule, ...]:
    """The rules that may hold for a method and a status, to be kept: most answers of an upstream share both."""
    return tuple(rule for rule in rules if _concerns(rule, method, status))


def _concerns(rule: OutcomeRule, method: str, status: int) -> bool:
    of_status = not rule.statuses or any(status in span for span in rule.statuses)
    return of_status and (not rule.methods or method in rule.methods)


def _holds(rule: OutcomeRule, answer: Answer) -> bool:
    return (
        _concerns(rule, answer.method, answer.status)
        and (answer.repeated or not rule.repeated)
        and (rule.media is None or rule.media in answer.media)
        and (not rule.codes or answer.code in rule.codes)
        and (rule.when is None or bool(_search(rule.when, answer.content)))
        and (rule.text is None or rule.text.search(answer.text) is not None)
    )


def _search(path: ParsedResult, content: Any) -> Any:
    """What the path gives; None where a function of it meets a type that it does not take: answers are not ours."""
    try:
        return _INTERPRETER.visit(path.parsed, content)
    except JMESPathError:
        return None


def compile_path(expression: str) -> ParsedResult:
    """Compile a JMESPath; raises ValueError with the place of the fault."""
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(str(error)) from error
