"""Declarative outcome rules that map answers to verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from adapters.json_path import JsonPath


@dataclass(frozen=True, slots=True)
class Extract:
    """Extracts a text from an answer: by a JMESPath, then optionally the first group of a pattern."""

    path: JsonPath
    pattern: re.Pattern[str] | None = None

    def read(self, content: Any) -> str | None:
        """Return the text, several values joined by "; ", or None if the answer has none."""
        result = self.path.read(content)
        if result is None:
            return None
        values = result if isinstance(result, list) else [result]
        texts = [str(value) for value in values if value is not None]
        if self.pattern is None:
            return "; ".join(texts) or None
        matches = (self.pattern.search(text) for text in texts)
        return next((match.group(1) for match in matches if match), None)


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """A verdict and the conditions that must all hold for it. An absent condition holds."""

    verdict: str
    statuses: tuple[range, ...] = ()
    methods: frozenset[str] = frozenset()
    when: JsonPath | None = None  # a JMESPath on the JSON body that must give a true value
    codes: frozenset[str] = frozenset()
    text: re.Pattern[str] | None = None  # a pattern that is searched in the whole body
    media: str | None = None  # a part of the content type, e.g. "html"
    renew: bool = False  # renew the credential and repeat the call once before this verdict counts
    look: bool = False  # search for the record before a rejection counts
    repeated: bool = False  # only for a call whose earlier try may have arrived
    pauses_path: bool = False  # the answer is about the path: if it repeats, what is sent to the path is paused
    foreign: bool = False  # a rejection because the record is another organization's: it is set aside


class Answer(Struct, frozen=True):
    """An answer as the rules that concern its method and status see it."""

    media: str
    text: str
    content: Any
    code: str | None
    repeated: bool = False


def concerning(rules: Iterable[OutcomeRule], method: str, status: int) -> tuple[OutcomeRule, ...]:
    """Return the rules that may hold for a method and a status; callers cache them, as most answers share both."""
    return tuple(
        rule
        for rule in rules
        if (not rule.statuses or any(status in span for span in rule.statuses))
        and (not rule.methods or method in rule.methods)
    )


def first_match(rules: Iterable[OutcomeRule], answer: Answer) -> OutcomeRule | None:
    """Return the first rule whose other conditions all hold."""
    for rule in rules:
        if (
            (answer.repeated or not rule.repeated)
            and (rule.media is None or rule.media in answer.media)
            and (not rule.codes or answer.code in rule.codes)
            and (rule.when is None or rule.when.read(answer.content))
            and (rule.text is None or rule.text.search(answer.text))
        ):
            return rule
    return None
