"""Vocabulary of a mapping: abbreviations, units of measure and stop words, and the reading of texts with them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

MAX_TEXT_CHARACTERS = 300  # the rest of a text is ignored


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure as a multiple of another; `per`: the denominator of a ratio such as a percentage."""

    base: str
    times: Fraction = Fraction(1)
    per: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Abbreviations, units and special words, all in lower case."""

    # Abbreviated words -> full words.
    abbreviations: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)
    stop: frozenset[str] = frozenset()
    qualifiers: frozenset[str] = frozenset()  # words that denote a variety of a thing, such as salts of a drug
    # Words of all terms and their synonyms, abbreviations written out.
    terms: frozenset[str] = frozenset()
    # First word of abbreviations -> number of words in the longest abbreviation with it.
    longest: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        longest: dict[str, int] = {}
        for run in self.abbreviations:
            longest[run[0]] = max(longest.get(run[0], 0), len(run))
        object.__setattr__(self, "longest", longest)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Vocabulary:
        """Return the vocabulary of the YAML's plain values: abbreviations, units, stop, qualifiers, terms."""
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
        terms = (text for group in (plain.get("terms") or {}).values() for text in _texts_of(group))
        return replace(without_terms, terms=frozenset(word for text in terms for word in without_terms.spell_out(text)))

    def spell_out(self, text: str) -> list[str]:
        """Return the words of a text without stop words and units, abbreviations written out, numbers as decimals."""
        written = words(text)
        spelt = written if self.longest.keys().isdisjoint(written) else self._written_out(written)
        return [word for word in spelt if word not in self.stop and word not in self.units]

    def _written_out(self, written: Sequence[str]) -> Iterator[str]:
        """Write out abbreviations; if several begin at the same word, the longest is meant."""
        place = 0
        while place < len(written):
            longest = self.longest.get(written[place], 0)
            runs = (tuple(written[place : place + size]) for size in range(longest, 0, -1))
            run = next((run for run in runs if run in self.abbreviations), None)
            yield from self.abbreviations[run] if run else (written[place],)
            place += len(run) if run else 1


def _texts_of(terms: Mapping[str, Any]) -> Iterator[str]:
    """Return names of terms and their synonyms; see engine.matching.parts.Terms."""
    for name, definition in terms.items():
        yield name
        yield from (definition.get("synonyms") or () if isinstance(definition, Mapping) else definition or ())


def _units(plain: Mapping[str, Any]) -> Iterator[tuple[str, Unit]]:
    """Convert units; a unit defined by other units is reduced to the last of them."""
    for name in plain:
        base, times, per = name, Fraction(1), None
        while (definition := plain.get(base) or {}).get("is"):
            times *= Fraction(str(definition.get("times", 1)))
            per = definition.get("per", per)
            base = str(definition["is"])
        yield plain_text(name), Unit(plain_text(base), times, plain_text(per) if per else None)


@lru_cache(maxsize=65536)
def plain_text(text: str) -> str:
    """Return the text in lower case without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def words(text: str) -> list[str]:
    """Return words and numbers, numbers as decimals: `Amox500 2,5mg` -> amox, 500, 2.5, mg."""
    return [
        token if token[0].isalpha() else number(token)
        for token in _TOKEN.findall(plain_text(text[:MAX_TEXT_CHARACTERS]))
    ]


def number(token: str) -> str:
    """Return a number in decimal form: 1.000.000 -> 1000000, 2,50 -> 2.5."""
    if _THOUSANDS.fullmatch(token):
        return token.replace(".", "").replace(",", "")
    whole, _, part = token.replace(",", ".").partition(".")
    part = part.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part}" if part else whole


_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([.,])000)+|[1-9]\d{0,2}(?:([.,])\d{3}){2,}")
