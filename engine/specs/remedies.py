"""Remedies of the configuration: explain a cause to people with a title, what to do and who does it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine.delivery.causes import parse_cause
from engine.specs.text import Text


@dataclass(frozen=True, slots=True)
class RemedyRule:
    """A rule of the upstream: its group, and the subject of the rule."""

    group: str
    about: Text


@dataclass(frozen=True, slots=True)
class Remedy:
    """RemedyTexts of the causes that meet all of its conditions; an absent condition is always met."""

    title: Text
    remedy: Text
    who: str
    kinds: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()  # the code must belong to one of these groups of rules
    types: frozenset[str] = frozenset()  # names of entries; the delivery must be of one of these
    words: re.Pattern[str] | None = None
    act: str = ""  # what helps: list, resend, settings or map; empty: what the kind of the failure suggests
    own_value: bool = False  # no value helps all of them: each record needs its own

    @property
    def conditions(self) -> tuple[object, ...]:
        """Equal for two remedies of which the second could never apply."""
        return self.kinds, self.codes, self.rules, self.types, self.words.pattern if self.words else None

    def fits(self, kind: str, code: str, words: str, group: str, spec: str) -> bool:
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.codes or code in self.codes)
            and (not self.rules or group in self.rules)
            and (not self.types or spec in self.types)
            and (self.words is None or self.words.search(words) is not None)
        )


@dataclass(frozen=True, slots=True)
class RemedyTexts:
    """The error, what to do, who does it, the act that helps, and whether each record needs a value of its own."""

    title: Text
    remedy: Text
    who: str
    act: str = ""
    own_value: bool = False


@dataclass(frozen=True)
class Remedies:
    """Remedies of one upstream's refusals, and its rules."""

    remedies: tuple[Remedy, ...] = ()
    rules: Mapping[str, RemedyRule] = field(default_factory=dict)  # by code

    @cached_property
    def _subjects(self) -> dict[str, Text]:
        """Return path -> the subject of the rule that names the path in parentheses, for failures without a rule."""
        paths = ((_PATH.search(rule.about.id), rule.about) for rule in self.rules.values())
        return {path[1]: about for path, about in paths if path is not None}

    def explain(self, cause: str, spec: str = "") -> RemedyTexts | None:
        """Return the first remedy that fits, with the rule's subject for `{about}`; None if none fits.

        `spec` is the name of the entry; without it no remedy of certain types fits.
        """
        kind, code, words = parse_cause(cause)
        rule = self.rules.get(code)
        place = _place(words)
        group, about = (rule.group, rule.about) if rule else ("", self._subjects.get(place, Text.plain(place or code)))
        for remedy in self.remedies:
            if remedy.fits(kind, code, words, group, spec):
                title, action = (text.filled("{about}", about) for text in (remedy.title, remedy.remedy))
                return RemedyTexts(title, action, remedy.who, remedy.act, remedy.own_value)
        return None


_PATH = re.compile(r"\(([A-Z]\w*\.[^\s()]+)\)$")  # at the end of a rule's subject, in parentheses
_KEY = re.compile(r"^\[[^\]]*\] ?")  # of a message, before the words that it holds


def _place(words: str) -> str:
    """Return the path at the beginning of a cause's words, empty if there is none."""
    first = _KEY.sub("", words).split(" ", 1)[0]
    return first if "." in first else ""
