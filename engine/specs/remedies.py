"""What a cause means for people: a title, what to do and who does it, as the configuration says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.delivery.causes import parse_cause


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the upstream: the group of rules it belongs to, and what it is about."""

    group: str
    about: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """Conditions on a cause that must all hold, and what is told then. An absent condition holds."""

    title: str
    remedy: str
    who: str
    kinds: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # groups of rules, to one of which the code must belong
    words: re.Pattern[str] | None = None

    @property
    def conditions(self) -> tuple[object, ...]:
        """Equal for two remedies of which the second could never be told."""
        return self.kinds, self.codes, self.rules, self.words.pattern if self.words else None

    def fits(self, kind: str, code: str, words: str, group: str) -> bool:
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.codes or code in self.codes)
            and (not self.rules or group in self.rules)
            and (self.words is None or self.words.search(words) is not None)
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong, what to do, and who does it."""

    title: str
    remedy: str
    who: str


@dataclass(frozen=True, slots=True)
class Remedies:
    """What is known of an upstream's refusals."""

    known: tuple[Remedy, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)  # by code

    def explain(self, cause: str) -> Explanation | None:
        """The first remedy that fits; `{about}` in its words becomes what the rule is about. None: not known."""
        kind, code, words = parse_cause(cause)
        rule = self.rules.get(code)
        group, about = (rule.group, rule.about) if rule else ("", _place(words) or code)
        for each in self.known:
            if each.fits(kind, code, words, group):
                title, remedy = (text.replace("{about}", about) for text in (each.title, each.remedy))
                return Explanation(title, remedy, each.who)
        return None


def _place(words: str) -> str:
    """The path with which the words of a cause begin, if they do."""
    first = words.split(" ", 1)[0]
    return first if "." in first else ""
