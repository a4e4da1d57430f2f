"""How people write: what they shorten, the units they measure in, words that say nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

LONGEST = 300  # characters of a text that are looked at


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure as so many of another; `per`: it is a share of that (as a percentage)."""

    base: str
    times: Fraction = Fraction(1)
    per: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything in lower case."""

    # Runs of words -> what they stand for.
    abbreviations: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)
    stop: frozenset[str] = frozenset()
    qualifiers: frozenset[str] = frozenset()  # words that tell a variety of the same thing
    # The words of all terms and their synonyms, abbreviations written out.
    terms: frozenset[str] = frozenset()
    # The first words of abbreviations -> words of the longest that begins so.
    longest: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        longest: dict[str, int] = {}
        for run in self.abbreviations:
            longest[run[0]] = max(longest.get(run[0], 0), len(run))
        object.__setattr__(self, "longest", longest)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Vocabulary:
        """From the YAML's plain values: abbreviations, units, stop, qualifiers, terms."""
        abbreviations = {
            tuple(words(str(short))): tuple(words(str(long)))
            for short, long in (plain.get("abbreviations") or {}).items()
        }
        without_terms = cls(
            {run: long for run, long in abbreviations.items() if run},
            dict(_units(plain.get("units") or {})),
            frozenset(plain_text(word) for word in plain.get("stop") or ()),
            frozenset(plain_text(word) for word in plain.get("qualifiers") or ()),
        )
        terms = (text for each in (plain.get("terms") or {}).values() for text in _texts_of(each))
        return replace(without_terms, terms=frozenset(word for text in terms for word in without_terms.spell_out(text)))

    def spell_out(self, text: str) -> list[str]:
        """The words of a text without those that say nothing, abbreviations written out, numbers as decimals."""
        said = words(text)
        spelt = said if self.longest.keys().isdisjoint(said) else self._written_out(said)
        return [word for word in spelt if word not in self.stop and word not in self.units]

    def _written_out(self, said: Sequence[str]) -> Iterator[str]:
        """The words with abbreviations written out; where one begins another the longer is meant."""
        place = 0
        while place < len(said):
            longest = self.longest.get(said[place], 0)
            runs = (tuple(said[place : place + size]) for size in range(longest, 0, -1))
            run = next((run for run in runs if run in self.abbreviations), None)
            yield from self.abbreviations[run] if run else (said[place],)
            place += len(run) if run else 1


def _texts_of(terms: Mapping[str, Any]) -> Iterator[str]:
    """The names of terms and their synonyms; see engine.matching.parts.terms_of."""
    for name, said in terms.items():
        yield name
        yield from (said.get("synonyms") or () if isinstance(said, Mapping) else said or ())


def _units(plain: Mapping[str, Any]) -> Iterator[tuple[str, Unit]]:
    """A unit that is so many of another that is so many of a third: all end at the last."""
    for name in plain:
        base, times, per = name, Fraction(1), None
        while (said := plain.get(base) or {}).get("is"):
            times *= Fraction(str(said.get("times", 1)))
            per = said.get("per", per)
            base = str(said["is"])
        yield plain_text(name), Unit(plain_text(base), times, plain_text(per) if per else None)


@lru_cache(maxsize=65536)
def plain_text(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def words(text: str) -> list[str]:
    """Runs of letters, and numbers as decimals: `Amox500 2,5mg` -> amox, 500, 2.5, mg."""
    return [token if token[0].isalpha() else number(token) for token in _TOKEN.findall(plain_text(text[:LONGEST]))]


def number(token: str) -> str:
    """1.000.000 -> 1000000, 2,50 -> 2.5"""
    if _THOUSANDS.fullmatch(token):
        return token.replace(".", "").replace(",", "")
    whole, _, part = token.replace(",", ".").partition(".")
    part = part.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part}" if part else whole


_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([.,])000)+|[1-9]\d{0,2}(?:([.,])\d{3}){2,}")
