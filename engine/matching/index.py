"""Search index that finds documents by mistyped or shortened words: words are corrected, then documents are ranked."""

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

from engine.matching.vocabulary import MAX_TEXT_CHARACTERS, Vocabulary, plain_text

MAX_QUERY_WORDS = 16
MAX_ALTERNATIVES = 6  # words that a mistyped word may stand for
MIN_SIMILARITY = 0.7  # of a mistyped word and the right one; 1 means equal
MAX_FINDING_SHARE = 0.05  # of the documents: more frequent words count for the rank, but find no documents
MAX_POSTING_SHARE = 0.01  # of the documents: more frequent words have one flag per document for quick lookup
MAX_RANKED_DOCUMENTS = 6_000
WORD_PENALTY = 0.001  # per word of a document, so that of two equal matches the shorter one comes first


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the index, found by the words of its text or by exact codes."""

    key: str
    text: str
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A matching document; the score is 0 to 1."""

    key: str
    score: float


class _QueryWord(NamedTuple):
    """One word of a query: numbers of the words it may stand for, each with its similarity, and its weight."""

    words: Mapping[int, float]
    weight: float


class Index:
    """Search index in memory, immutable once built."""

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
            if len(posting) > MAX_POSTING_SHARE * total
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

    def __len__(self) -> int:
        return len(self._keys)

    def search(self, query: str, limit: int = 20) -> list[Hit]:
        """Return the best matches first; none for a query without telling words."""
        typed = plain_text(query[:MAX_TEXT_CHARACTERS].strip())
        exact = self._by_code(typed, limit)
        if exact:
            return exact
        query_words = self._query_words(query)
        if not query_words:
            return []
        scores = self._scores(query_words)
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
        """Find a whole code, or codes that begin with a text that contains a digit."""
        if typed in self._exact:
            return [Hit(self._keys[self._exact[typed]], 1.0)]
        if len(typed) < 4 or " " in typed or not any(sign.isdigit() for sign in typed):
            return []
        begin = bisect_left(self._codes, typed)
        codes = [code for code in self._codes[begin : begin + limit] if code.startswith(typed)]
        places = dict.fromkeys(self._exact[code] for code in codes)
        return [Hit(self._keys[place], 0.9) for place in places]

    def _query_words(self, query: str) -> list[_QueryWord]:
        words = list(dict.fromkeys(self._vocabulary.spell_out(query)))[:MAX_QUERY_WORDS]
        query_words = []
        for n, word in enumerate(words):
            alternatives = self._alternatives(word, n == len(words) - 1)
            if alternatives:
                weight = max(self._weights[number] * fit for number, fit in alternatives.items())
                query_words.append(_QueryWord(alternatives, weight))
            elif word[0].isalpha() and len(word) > 2:
                query_words.append(_QueryWord({}, 3.0))
        return query_words if any(word.words for word in query_words) else []

    def _find_alternatives(self, word: str, last: bool) -> dict[int, float]:
        """Return numbers of the words that a typed word may stand for, each with its similarity."""
        exact = self._numbers.get(word)
        if not word[0].isalpha():
            return {} if exact is None else {exact: 1.0}
        alternatives: dict[str, float] = {} if exact is None else {word: 1.0}
        for longer in self._completions(word) if len(word) >= 3 or last else ():
            alternatives.setdefault(longer, 0.9)
        if exact is None or len(self._postings[exact]) < 3:
            for other, fit in self._alike(word):
                alternatives[other] = max(alternatives.get(other, 0.0), fit)
        return {self._numbers[other]: fit for other, fit in alternatives.items()}

    def _completions(self, word: str) -> list[str]:
        begin = bisect_left(self._sorted, word)
        end = bisect_left(self._sorted, word + "\uffff")
        longer = self._sorted[begin:end]
        return nlargest(MAX_ALTERNATIVES * 2, longer, key=lambda other: len(self._postings[self._numbers[other]]))

    def _alike(self, word: str) -> list[tuple[str, float]]:
        if len(word) < 3:
            return []
        heard = sound(word)
        alike = [(other, 0.95) for other in self._by_sound.get(heard, ())]
        near = process.extract(
            heard, self._heard, scorer=OSA.normalized_similarity, limit=MAX_ALTERNATIVES, score_cutoff=MIN_SIMILARITY
        )
        alike += [(other, similarity * 0.9) for sounds, similarity, _ in near for other in self._by_sound[sounds]]
        return alike

    def _candidates(self, query_words: Sequence[_QueryWord]) -> dict[int, float]:
        """Return documents that contain a rare word of the query, or a frequent one if the query has no other."""
        most = MAX_FINDING_SHARE * len(self._keys)
        rare = {number for word in query_words for number in word.words if len(self._postings[number]) <= most}
        numbers = rare or {number for word in query_words for number in word.words}
        candidates: dict[int, float] = {}
        for number in sorted(numbers, key=lambda number: len(self._postings[number])):
            candidates |= dict.fromkeys(self._postings[number], 0.0)
            if len(candidates) > MAX_RANKED_DOCUMENTS:
                break
        return candidates

    def _scores(self, query_words: Sequence[_QueryWord]) -> dict[int, float]:
        """Return documents with the weighted share of the query that they contain, less a penalty for length."""
        sums = self._candidates(query_words)
        for word in query_words:
            for place, fit in self._fits(word.words, sums).items():
                sums[place] += word.weight * fit
        total = sum(word.weight for word in query_words)
        lengths = self._lengths
        return {place: value / total - WORD_PENALTY * lengths[place] for place, value in sums.items()}

    def _fits(self, words: Mapping[int, float], among: Mapping[int, float]) -> dict[int, float]:
        """Return the best similarity of the words in each of the documents."""
        best: dict[int, float] = {}
        for number, fit in sorted(words.items(), key=lambda word: word[1]):
            flags = self._flags.get(number)
            if flags is not None:
                best |= {place: fit for place in among if flags[place]}
            else:
                best |= {place: fit for place in self._postings[number] if place in among}
        return best


def _flags(posting: array[int], total: int) -> bytes:
    """Return one byte for each document: 1 if it contains the word."""
    flags = bytearray(total)
    for place in posting:
        flags[place] = 1
    return bytes(flags)


@lru_cache(maxsize=100_000)
def sound(word: str) -> str:
    """Return the sound of a word: the same for paracetamol and parasetamol, ciprofloxacin and siprofloksasin."""
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    without_doubles = [word[n] for n in range(len(word)) if n == 0 or word[n] != word[n - 1]]
    return "".join(without_doubles).rstrip("e") or word


_SOUNDS = (
    *(("ph", "f"), ("th", "t"), ("ch", "k"), ("ck", "k"), ("x", "ks"), ("qu", "k"), ("q", "k")),
    *(("ce", "se"), ("ci", "si"), ("cy", "si"), ("cae", "se"), ("c", "k"), ("y", "i"), ("z", "s")),
    *(("ae", "e"), ("oe", "e"), ("v", "f"), ("hydro", "hidro"), ("j", "y"), ("ksks", "ks")),
)
