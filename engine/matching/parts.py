"""Compares an item with a code, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rapidfuzz.distance import OSA

from engine.matching.index import sound
from engine.matching.names import Agreement, Names
from engine.matching.quantities import agreement, amounts, exceeds
from engine.matching.vocabulary import Vocabulary, words

PartKind = Literal["words", "quantity", "term", "names"]
Texts = str | Sequence[str] | None
Accord = Literal["same", "close", "unknown", "different", "empty"]

SCORES: Mapping[Agreement, float] = {"same": 1.0, "close": 0.6, "different": 0.0, "unknown": 0.0}
# Share of the code's letters whose words the item must contain to count as the same, and as close.
MIN_SAME_SHARE, MIN_CLOSE_SHARE = 0.88, 0.5
MIN_SOUND_SIMILARITY = 0.78  # of two words that count as one
MAX_CACHED_TEXTS = 20_000


@dataclass(frozen=True, slots=True)
class Term:
    """A term with the runs of words that denote it in a text, and the names of similar terms."""

    name: str
    runs: tuple[tuple[str, ...], ...]
    close: frozenset[str] = frozenset()


class Terms:
    """Terms that are recognised in texts, most of which come again and again. Immutable once built."""

    def __init__(self, plain: Mapping[str, Any], vocabulary: Vocabulary) -> None:
        """Take the plain values of the YAML: name -> synonyms, or name -> {synonyms, close}."""
        self._vocabulary = vocabulary
        self._terms = tuple(_term(name, definition, vocabulary) for name, definition in plain.items())
        self.find = lru_cache(maxsize=MAX_CACHED_TEXTS)(self._find)

    def _find(self, texts: tuple[str, ...]) -> Term | None:
        """Return the term with the longest run, of equal ones the last in the text: the form follows the name."""
        best: tuple[int, int] = (0, -1)
        best_term = None
        for text in texts:
            for text_words in (words(text), self._vocabulary.spell_out(text)):
                for term in self._terms:
                    place = max((_place(run, text_words) for run in term.runs), default=(0, -1))
                    if place > best:
                        best, best_term = place, term
        return best_term


@dataclass(frozen=True, slots=True)
class Part:
    """One aspect that is compared, with its weight in the score."""

    name: str
    kind: PartKind
    weight: float = 1.0
    veto: bool = False  # True: a person must confirm a difference explicitly
    # True: the part identifies the item. A code is suggested only if it agrees in such a part.
    identity: bool = False
    terms: Terms | None = None  # with kind `term`
    names: Names | None = None  # with kind `names`: the names in the code list


@dataclass(frozen=True, slots=True)
class Compared:
    """Comparison of one part, with both texts as they were recognised; empty if nothing was."""

    part: Part
    ours: str
    theirs: str
    agreement: Agreement
    score: float
    is_whole: bool = True  # False: the item says more in this part than the code

    @property
    def accord(self) -> Accord:
        """Return the agreement as `bulk` of a mapping counts it: same if neither says more, empty if both are."""
        if self.agreement == "unknown" and not self.ours and not self.theirs:
            return "empty"
        return "close" if self.agreement == "same" and not self.is_whole else self.agreement


def _term(name: str, definition: Any, vocabulary: Vocabulary) -> Term:
    synonyms = definition.get("synonyms") or () if isinstance(definition, Mapping) else definition or ()
    close = definition.get("close") or () if isinstance(definition, Mapping) else ()
    runs = dict.fromkeys(tuple(words(text)) for text in (name, *synonyms))
    spelt = dict.fromkeys(tuple(vocabulary.spell_out(text)) for text in (name, *synonyms))
    return Term(name, tuple(run for run in {**runs, **spelt} if run), frozenset(close))


def compare(part: Part, ours: Texts, theirs: Texts, vocabulary: Vocabulary) -> Compared:
    """Compare one part of an item with that of a code."""
    mine, others = list(_texts(ours)), list(_texts(theirs))
    match part.kind:
        case "quantity":
            return _quantities(part, mine, others, vocabulary)
        case "term":
            return _terms(part, mine, others)
        case "names":
            return _names(part, mine, others)
        case _:
            return _words(part, mine, others, vocabulary)


def _texts(value: Texts) -> Iterable[str]:
    for text in [value] if isinstance(value, str) else value or ():
        if text not in (None, ""):
            yield str(text)


def _compared(
    part: Part, ours: str, theirs: str, result: Agreement, score: float | None = None, is_whole: bool = True
) -> Compared:
    return Compared(part, ours, theirs, result, SCORES[result] if score is None else score, is_whole)


def _quantities(part: Part, ours: list[str], theirs: list[str], vocabulary: Vocabulary) -> Compared:
    mine = [amount for text in ours for amount in amounts(text, vocabulary)]
    others = [amount for text in theirs for amount in amounts(text, vocabulary)]
    same = agreement(mine, others)
    texts = " + ".join(map(str, mine)), " + ".join(map(str, others))
    if same is None:
        return _compared(part, *texts, "unknown")
    return _compared(part, *texts, "same" if same else "different", is_whole=not exceeds(mine, others))


def _terms(part: Part, ours: list[str], theirs: list[str]) -> Compared:
    mine, other = (part.terms.find(tuple(texts)) if part.terms else None for texts in (ours, theirs))
    texts = mine.name if mine else "", other.name if other else ", ".join(theirs)
    if mine is None or other is None:
        return _compared(part, *texts, "unknown")
    if mine.name == other.name:
        return _compared(part, *texts, "same")
    near = other.name in mine.close or mine.name in other.close
    return _compared(part, *texts, "close" if near else "different")


def _place(run: tuple[str, ...], text_words: list[str]) -> tuple[int, int]:
    """Return (length, start) of the last occurrence of a run in a text; (0, -1) if there is none."""
    for start in range(len(text_words) - len(run), -1, -1):
        if tuple(text_words[start : start + len(run)]) == run:
            return len(run), start
    return 0, -1


def _names(part: Part, ours: list[str], theirs: list[str]) -> Compared:
    """Compare names; a name that is not recognised in ours is unknown, never different."""
    if part.names is None:
        return _compared(part, "", ", ".join(theirs), "unknown")
    mine = part.names.read(ours)
    others = [name for name in map(part.names.name, theirs) if name.core]
    is_whole = mine.is_exactly(others)
    return _compared(part, str(mine), ", ".join(theirs), mine.agreement(others), is_whole=is_whole)


def _words(part: Part, ours: list[str], theirs: list[str], vocabulary: Vocabulary) -> Compared:
    texts = ", ".join(ours), ", ".join(theirs)
    mine = {word for text in ours for word in vocabulary.spell_out(text) if word[0].isalpha()}
    others = [word for text in theirs for word in vocabulary.spell_out(text) if word[0].isalpha()]
    if not mine or not others:
        return _compared(part, *texts, "unknown")
    heard = {sound(word) for word in mine}
    whole = sum(len(word) for word in others)
    share = sum(len(word) * _likeness(sound(word), heard) for word in others) / whole
    result: Agreement = "same" if share >= MIN_SAME_SHARE else "close" if share >= MIN_CLOSE_SHARE else "different"
    theirs_heard = {sound(word) for word in others}
    is_whole = all(_likeness(word, theirs_heard) for word in heard)
    return _compared(part, *texts, result, share, is_whole)


def _likeness(word: str, heard: set[str]) -> float:
    if word in heard:
        return 1.0
    best = max(OSA.normalized_similarity(word, other) for other in heard)
    return best if best >= MIN_SOUND_SIMILARITY else 0.0
