"""Recognises the names of a code list in texts of people: as written, misspelt, or implied by other names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.matching.index import sound
from engine.matching.vocabulary import Vocabulary

MIN_TELLING_SHARE = 0.5  # of a name's letters: a word that has this share identifies the name
MAX_LITERAL_LETTERS = 4  # shorter words are only recognised as they are written: too many sound alike
MIN_CORRECTED_LETTERS = 6  # shorter words are never taken for misspelt or shortened ones
MAX_CACHED_WORDS = 20_000


Agreement = Literal["same", "close", "unknown", "different"]
BEST: tuple[Agreement, ...] = ("same", "close", "unknown", "different")


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a set of words, or of their sounds. Qualifiers denote a variety of a thing, such as salts of a drug."""

    text: str
    core: frozenset[str]
    qualifiers: frozenset[str] = frozenset()
    # First word of a name that consists of qualifiers only: it may stand for the whole name.
    head: str = ""
    whole: bool = True  # False: only parts of names were recognised
    sure: bool = True  # False: the name was misspelt or shortened

    def agreement(self, other: Name) -> Agreement:
        """Compare with `other`, a whole name: close is a variety of it, unknown means this may be a part of it."""
        if self.core == other.core:
            return "same" if self.sure and self.whole and self.qualifiers == other.qualifiers else "close"
        if self.head and self.head == other.head and (self.core < other.core or other.core < self.core):
            return "close"
        return "different" if self.whole or not self.core < other.core else "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """Names in a text. If there are alternatives, one of them is meant; without any, no name was recognised."""

    alternatives: tuple[tuple[Name, ...], ...] = ()

    def __str__(self) -> str:
        return " / ".join(dict.fromkeys(", ".join(name.text for name in names) for names in self.alternatives))

    def agreement(self, others: Sequence[Name]) -> Agreement:
        """Tell if the names are exactly `others`; unknown if either has none."""
        if not self.alternatives or not others:
            return "unknown"
        return min((_agreement(names, others) for names in self.alternatives), key=BEST.index)

    def is_exactly(self, others: Sequence[Name]) -> bool:
        """Tell if one of the alternatives has all of `others` and no further name."""
        return any(_covers(names, others) and _covers(others, names) for names in self.alternatives)


class Names:
    """The names in a column of a code list. Immutable once built.

    `implied` maps names of other things, as they are written, to the names that each implies, as a brand implies its
    substances. `loose`: words are also recognised by sound, with one typing error, by their beginning, and as part of
    a name.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        texts: Iterable[str],
        implied: Mapping[str, Iterable[tuple[str, ...]]] | None = None,
        loose: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._loose = loose
        self._qualifiers = frozenset(self._heard(vocabulary.qualifiers))
        self._elsewhere = frozenset(self._heard(vocabulary.terms))
        self._runs: dict[frozenset[str], Name] = {}
        self._tellers: set[str] = set()
        for text in texts:
            self._add(self.name(text))
        self._heads = {name.head: _shortened(name) for name in self._runs.values() if name.head}
        self._implied = {
            frozenset(self._spelt(text)): [tuple(map(self.name, names)) for names in alternatives]
            for text, alternatives in (implied or {}).items()
        }
        self._implied.pop(frozenset(), None)
        self._words = frozenset(word for run in self._runs for word in run)
        self._by_letter: dict[str, list[str]] = {}
        for word in sorted(self._words - self._qualifiers):
            self._by_letter.setdefault(word[0], []).append(word)
        self._correct = lru_cache(maxsize=MAX_CACHED_WORDS)(self._corrected)
        self._read_once = lru_cache(maxsize=MAX_CACHED_WORDS)(self._reading)

    def name(self, text: str) -> Name:
        """Return the name that a text of the list denotes."""
        words = self._heard(self._spelt(text))
        core = frozenset(words) - self._qualifiers
        if not core:
            return Name(text, frozenset(words), head=words[0] if words else "")
        return Name(text, core, frozenset(words) - core)

    def read(self, texts: Iterable[str]) -> Reading:
        """Recognise the names in texts that denote the same thing in several ways."""
        return self._read_once(tuple(texts))

    def _add(self, name: Name) -> None:
        if not name.core:
            return
        self._runs.setdefault(name.core | name.qualifiers, name)
        if name.qualifiers:
            kept = [
                word for word in name.text.split() if not self._qualifiers.issuperset(self._heard(self._spelt(word)))
            ]
            self._runs.setdefault(name.core, Name(" ".join(kept), name.core))
        if not name.head:
            letters = sum(map(len, name.core))
            self._tellers |= {word for word in name.core if len(word) >= MIN_TELLING_SHARE * letters}

    def _reading(self, texts: tuple[str, ...]) -> Reading:
        names: dict[frozenset[str], Name] = {}
        implied: list[tuple[Name, ...]] = []
        for text in texts:
            spelt = self._spelt(text)
            signs = _runs(spelt, self._implied)
            implied += [alternative for _, run in signs for alternative in self._implied[run]]
            for name in self._names(spelt, {place for places, _ in signs for place in places}):
                previous = names.get(name.core)
                if previous is None or (len(name.qualifiers), name.sure) > (len(previous.qualifiers), previous.sure):
                    names[name.core] = name
        if implied and not any(name.whole for name in names.values()):
            return Reading(tuple(dict.fromkeys(implied)))
        return Reading((tuple(names.values()),) if names else ())

    def _names(self, spelt: list[str], kept: set[int]) -> Iterator[Name]:
        """Recognise the names in the words of a text; words at the places `kept` are not corrected."""
        heard = self._heard(spelt)
        words = [word if place in kept else self._correct(word) for place, word in enumerate(heard)]
        runs = sorted(_runs(words, self._runs), key=lambda run: run[0].start)
        taken = {place for places, _ in runs for place in places}
        for places, run in runs:
            sure = all(words[place] == heard[place] for place in places)
            yield self._qualified(replace(self._runs[run], sure=sure), words, places, taken)
        rest = [place for place in range(len(words)) if place not in taken]
        unread = {place for place in rest if words[place] not in self._qualifiers | self._elsewhere}
        for place in rest:
            if words[place] in self._heads and unread.isdisjoint((place - 1, place + 1)):
                yield self._heads[words[place]]
        part = [place for place in rest if words[place] in self._words - self._qualifiers]
        if self._loose and any(words[place] in self._tellers for place in part):
            yield Name(" ".join(spelt[n] for n in part).title(), frozenset(words[n] for n in part), whole=False)

    def _qualified(self, name: Name, words: list[str], places: range, taken: set[int]) -> Name:
        """Add adjacent qualifiers that the list does not have in this name; a head is a thing of its own."""
        qualifiers = set(name.qualifiers)
        for place in (*range(places.stop, len(words)), *range(places.start - 1, -1, -1)):
            if place in taken:
                continue
            beside = place - 1 in taken or place + 1 in taken
            if beside and words[place] in self._qualifiers and words[place] not in self._heads and not name.head:
                taken.add(place)
                qualifiers.add(words[place])
        return replace(name, qualifiers=frozenset(qualifiers))

    def _corrected(self, word: str) -> str:
        """Return the only word of the names with this beginning, or with one typing error after the first letter."""
        correct = word in self._words or word in self._qualifiers or word in self._elsewhere
        if correct or not self._loose or len(word) < MIN_CORRECTED_LETTERS:
            return word
        near = self._by_letter.get(word[0], [])
        hits = [other for other in near if other.startswith(word)]
        hits = hits or [hit[0] for hit in process.extract(word, near, scorer=OSA.distance, score_cutoff=1, limit=2)]
        return hits[0] if len(hits) == 1 else word

    def _heard(self, words: Iterable[str]) -> list[str]:
        return [sound(word) if self._loose and len(word) > MAX_LITERAL_LETTERS else word for word in words]

    def _spelt(self, text: str) -> list[str]:
        return [word for word in self._vocabulary.spell_out(text) if word[0].isalpha()]


def _agreement(names: Sequence[Name], others: Sequence[Name]) -> Agreement:
    """Return the worst agreement of the others; a whole name that is none of them makes it a different thing."""
    if any(name.whole and all(name.agreement(other) == "different" for other in others) for name in names):
        return "different"
    answers = (min((name.agreement(other) for name in names), key=BEST.index) for other in others)
    return max(answers, key=BEST.index)


def _covers(names: Sequence[Name], others: Sequence[Name]) -> bool:
    """Tell if each of the others is the same as one of the names."""
    return all(any(name.agreement(other) == "same" for name in names) for other in others)


def _runs(words: Sequence[str], names: Mapping[frozenset[str], object]) -> list[tuple[range, frozenset[str]]]:
    """Return runs of words that are names, in any word order, with their places: longest first, no overlaps."""
    runs: list[tuple[range, frozenset[str]]] = []
    taken: set[int] = set()
    for size in range(len(words), 0, -1):
        for start in range(len(words) - size + 1):
            places, run = range(start, start + size), frozenset(words[start : start + size])
            if len(run) == size and run in names and taken.isdisjoint(places):
                taken.update(places)
                runs.append((places, run))
    return runs


def _shortened(name: Name) -> Name:
    return Name(name.text.split()[0], frozenset({name.head}), head=name.head)
