"""Finds documents by words that may be mistyped or shortened: corrected word by word, then ranked."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nlargest
from math import log
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.matching.vocabulary import LONGEST, Vocabulary, plain_text

TOKENS = 16  # words of a query that are looked at
ALTERNATIVES = 6  # words that a mistyped one may stand for
CUTOFF = 0.7  # how alike a mistyped word and the right one must be, 1 being equal
FREQUENT = 0.05  # words in a greater share of the documents rank, but do not find
CROWDED = 0.01  # words in a greater share of the documents are looked up by document
MOST = 6_000  # documents that are ranked
BREVITY = 0.001  # what each word of a document costs: of two that fit alike the shorter is meant


@dataclass(frozen=True, slots=True)
class Document:
    """Something to be found: by the words of its text, or by exact codes."""

    key: str
    text: str
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found; the score is 0 to 1."""

    key: str
    score: float


class _Wanted(NamedTuple):
    """What one word of a query may stand for: word numbers with how well they fit, and what it is worth."""

    words: Mapping[int, float]
    weight: float


class Index:
    """Immutable once built; lives in memory."""

    def __init__(self, vocabulary: Vocabulary, documents: Iterable[Document]) -> None:
        self._vocabulary = vocabulary
        self._keys: list[str] = []
        self._numbers: dict[str, int] = {}
        self._postings: list[array[int]] = []
        self._lengths = array("H")
        self._exact: dict[str, int] = {}
        for document in documents:
            self._add(document)
        total = max(1, len(self._keys))
        self._flags = {
            number: _flags(posting, total)
            for number, posting in enumerate(self._postings)
            if len(posting) > CROWDED * total
        }
        self._weights = [log(1 + total / len(posting)) for posting in self._postings]
        letters = [word for word in self._numbers if word[0].isalpha()]
        self._sorted = sorted(letters)
        self._sounds = {word: sound(word) for word in letters}
        self._by_sound: dict[str, list[str]] = {}
        for word, heard in self._sounds.items():
            self._by_sound.setdefault(heard, []).append(word)
        self._heard = list(self._by_sound)
        self._codes = sorted(self._exact)
        self._alternatives = lru_cache(maxsize=20_000)(self._find_alternatives)

    @classmethod
    def build(cls, documents: Iterable[Document], vocabulary: Vocabulary) -> Index:
        return cls(vocabulary, documents)

    def __len__(self) -> int:
        return len(self._keys)

    def search(self, query: str, limit: int = 20) -> list[Hit]:
        """The best first; nothing for a query that says nothing."""
        typed = plain_text(query[:LONGEST].strip())
        exact = self._by_code(typed, limit)
        if exact:
            return exact
        wanted = self._wanted(query)
        if not wanted:
            return []
        scores = self._scores(wanted)
        best = nlargest(limit, scores, key=scores.__getitem__)
        return [Hit(self._keys[place], scores[place]) for place in best if scores[place] > 0]

    def _add(self, document: Document) -> None:
        place = len(self._keys)
        self._keys.append(document.key)
        words = dict.fromkeys(self._vocabulary.spell_out(document.text))
        for word in words:
            number = self._numbers.get(word)
            if number is None:
                number = self._numbers[word] = len(self._postings)
                self._postings.append(array("I"))
            self._postings[number].append(place)
        self._lengths.append(len(words))
        for code in (document.key, *document.extra):
            if code:
                self._exact.setdefault(plain_text(code), place)

    def _by_code(self, typed: str, limit: int) -> list[Hit]:
        """A whole code, or the beginning of one that holds a digit."""
        if typed in self._exact:
            return [Hit(self._keys[self._exact[typed]], 1.0)]
        if len(typed) < 4 or " " in typed or not any(sign.isdigit() for sign in typed):
            return []
        begin = bisect_left(self._codes, typed)
        found = dict.fromkeys(
            self._exact[code] for code in self._codes[begin : begin + limit] if code.startswith(typed)
        )
        return [Hit(self._keys[place], 0.9) for place in found]

    def _wanted(self, query: str) -> list[_Wanted]:
        words = list(dict.fromkeys(self._vocabulary.spell_out(query)))[:TOKENS]
        found = []
        for n, word in enumerate(words):
            alternatives = self._alternatives(word, n == len(words) - 1)
            if alternatives:
                weight = max(self._weights[number] * fit for number, fit in alternatives.items())
                found.append(_Wanted(alternatives, weight))
            elif word[0].isalpha() and len(word) > 2:
                found.append(_Wanted({}, 3.0))
        return found if any(each.words for each in found) else []

    def _find_alternatives(self, word: str, last: bool) -> dict[int, float]:
        """Word numbers that a typed word may stand for, each with how well it fits."""
        exact = self._numbers.get(word)
        if not word[0].isalpha():
            return {} if exact is None else {exact: 1.0}
        found: dict[str, float] = {} if exact is None else {word: 1.0}
        for longer in self._beginning(word) if len(word) >= 3 or last else ():
            found.setdefault(longer, 0.9)
        if exact is None or len(self._postings[exact]) < 3:
            for other, fit in self._alike(word):
                found[other] = max(found.get(other, 0.0), fit)
        return {self._numbers[other]: fit for other, fit in found.items()}

    def _beginning(self, word: str) -> list[str]:
        begin = bisect_left(self._sorted, word)
        end = bisect_left(self._sorted, word + "\uffff")
        longer = self._sorted[begin:end]
        return nlargest(ALTERNATIVES * 2, longer, key=lambda each: len(self._postings[self._numbers[each]]))

    def _alike(self, word: str) -> list[tuple[str, float]]:
        if len(word) < 3:
            return []
        heard = sound(word)
        found = [(other, 0.95) for other in self._by_sound.get(heard, ())]
        near = process.extract(
            heard, self._heard, scorer=OSA.normalized_similarity, limit=ALTERNATIVES, score_cutoff=CUTOFF
        )
        found += [(other, similarity * 0.9) for sounds, similarity, _ in near for other in self._by_sound[sounds]]
        return found

    def _candidates(self, wanted: Sequence[_Wanted]) -> dict[int, float]:
        """Documents with one of the telling words; of words that many have only if there are no others."""
        most = FREQUENT * len(self._keys)
        chosen = {number for each in wanted for number in each.words if len(self._postings[number]) <= most}
        chosen = chosen or {number for each in wanted for number in each.words}
        found: dict[int, float] = {}
        for number in sorted(chosen, key=lambda number: len(self._postings[number])):
            found |= dict.fromkeys(self._postings[number], 0.0)
            if len(found) > MOST:
                break
        return found

    def _scores(self, wanted: Sequence[_Wanted]) -> dict[int, float]:
        """Documents with what share of the wanted words they have, weighted; the shorter of two equal ones first."""
        got = self._candidates(wanted)
        for each in wanted:
            for place, fit in self._fits(each.words, got).items():
                got[place] += each.weight * fit
        total = sum(each.weight for each in wanted)
        lengths = self._lengths
        return {place: value / total - BREVITY * lengths[place] for place, value in got.items()}

    def _fits(self, words: Mapping[int, float], among: Mapping[int, float]) -> dict[int, float]:
        """How well each of the documents has one of the words."""
        best: dict[int, float] = {}
        for number, fit in sorted(words.items(), key=lambda each: each[1]):
            flags = self._flags.get(number)
            if flags is not None:
                best |= {place: fit for place in among if flags[place]}
            else:
                best |= {place: fit for place in self._postings[number] if place in among}
        return best


def _flags(posting: array[int], total: int) -> bytes:
    """One byte for each document: whether it has the word."""
    flags = bytearray(total)
    for place in posting:
        flags[place] = 1
    return bytes(flags)


@lru_cache(maxsize=100_000)
def sound(word: str) -> str:
    """How a word is heard: paracetamol and parasetamol, ciprofloxacin and siprofloksasin are one."""
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    said = [word[n] for n in range(len(word)) if n == 0 or word[n] != word[n - 1]]
    return "".join(said).rstrip("e") or word


_SOUNDS = (
    *(("ph", "f"), ("th", "t"), ("ch", "k"), ("ck", "k"), ("x", "ks"), ("qu", "k"), ("q", "k")),
    *(("ce", "se"), ("ci", "si"), ("cy", "si"), ("cae", "se"), ("c", "k"), ("y", "i"), ("z", "s")),
    *(("ae", "e"), ("oe", "e"), ("v", "f"), ("hydro", "hidro"), ("j", "y"), ("ksks", "ks")),
)
