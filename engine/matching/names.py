"""Names that a code list knows, recognised in what people write: by ear, by what they imply, and misspelt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.matching.index import sound
from engine.matching.vocabulary import Vocabulary

HALF = 0.5
"""Share of a name's letters from which on one of its words tells the name."""
LETTERS = 6
"""Shorter words are not taken for misspelt ones: too many are alike."""
CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Name:
    """A name by the sounds of its words. Qualifiers tell a variety of the same thing, as salts do of a drug."""

    text: str
    core: frozenset[str]
    qualifiers: frozenset[str] = frozenset()
    head: str = ""
    """The first word of a name that is made of qualifiers alone: it may stand for the whole."""
    whole: bool = True
    """False: only words that are part of names were read."""
    sure: bool = True
    """False: it was misspelt."""

    def agreement(self, other: Name) -> Literal["same", "close"] | None:
        """Whether `other`, a whole name, is the same thing, or a variety of it; None if it is neither."""
        if self.core == other.core:
            return "same" if self.sure and self.whole and self.qualifiers == other.qualifiers else "close"
        if self.head and self.head == other.head and (self.core < other.core or other.core < self.core):
            return "close"
        return "close" if not self.whole and self.core < other.core and _tells(self.core, other.core) else None


@dataclass(frozen=True, slots=True)
class Reading:
    """The names in a text: of several alternatives one is meant; no alternative: nothing was recognised."""

    alternatives: tuple[tuple[Name, ...], ...] = ()

    def __str__(self) -> str:
        return " / ".join(dict.fromkeys(", ".join(name.text for name in names) for names in self.alternatives))

    def agreement(self, others: Sequence[Name]) -> Literal["same", "close", "different", "unknown"]:
        """Whether these are the names of `others`, all of them and no more; unknown if either has none."""
        if not self.alternatives or not others:
            return "unknown"
        answers = {_agreement(names, others) for names in self.alternatives}
        return "same" if "same" in answers else "close" if "close" in answers else "different"


class Names:
    """The names in a column of a code list. Immutable once built.

    `implied` are names of other things with the names that each implies, as a brand implies what it contains.
    `misspelt`: words with one typing error are recognised too.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        texts: Iterable[str],
        implied: Mapping[str, Iterable[tuple[str, ...]]] | None = None,
        misspelt: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._qualifiers = frozenset(sound(word) for word in vocabulary.qualifiers)
        self._runs: dict[frozenset[str], Name] = {}
        self._tellers: set[str] = set()
        for text in texts:
            self._add(self.name(text))
        self._heads = {name.head: _shortened(name) for name in self._runs.values() if name.head}
        self._implied = {
            frozenset(self._sounds(text)): [tuple(map(self.name, names)) for names in alternatives]
            for text, alternatives in (implied or {}).items()
        }
        self._implied.pop(frozenset(), None)
        self._words = frozenset(word for run in self._runs for word in run)
        self._by_letter: dict[str, list[str]] = {}
        for word in sorted(self._words) if misspelt else ():
            self._by_letter.setdefault(word[0], []).append(word)
        self._correct = lru_cache(maxsize=CACHED)(self._corrected)
        self._read_once = lru_cache(maxsize=CACHED)(self._reading)

    def name(self, text: str) -> Name:
        """A name as the list writes it."""
        sounds = self._sounds(text)
        core = frozenset(sounds) - self._qualifiers
        if not core:
            return Name(text, frozenset(sounds), head=sounds[0] if sounds else "")
        return Name(text, core, frozenset(sounds) - core)

    def read(self, texts: Iterable[str]) -> Reading:
        """The names in the texts, which say the same thing in several ways."""
        return self._read_once(tuple(texts))

    def _add(self, name: Name) -> None:
        if not name.core:
            return
        self._runs.setdefault(name.core | name.qualifiers, name)
        if name.qualifiers:
            kept = [word for word in name.text.split() if not self._qualifiers.issuperset(self._sounds(word))]
            self._runs.setdefault(name.core, Name(" ".join(kept), name.core))
        if not name.head:
            self._tellers |= {word for word in name.core if _tells({word}, name.core)}

    def _reading(self, texts: tuple[str, ...]) -> Reading:
        names: dict[frozenset[str], Name] = {}
        implied: list[tuple[Name, ...]] = []
        for text in texts:
            sounds = self._sounds(text)
            signs = _runs(sounds, self._implied)
            implied += [alternative for _, run in signs for alternative in self._implied[run]]
            for name in self._names(text, {place for places, _ in signs for place in places}):
                known = names.get(name.core)
                if known is None or (len(name.qualifiers), name.sure) > (len(known.qualifiers), known.sure):
                    names[name.core] = name
        if implied and not any(name.whole for name in names.values()):
            return Reading(tuple(dict.fromkeys(implied)))
        return Reading((tuple(names.values()),) if names else ())

    def _names(self, text: str, kept: set[int]) -> Iterator[Name]:
        """The names in a text, in order; words at the places `kept` are not corrected."""
        sounds = self._sounds(text)
        words = [word if place in kept else self._correct(word) for place, word in enumerate(sounds)]
        runs = sorted(_runs(words, self._runs), key=lambda each: each[0].start)
        taken = {place for places, _ in runs for place in places}
        for places, run in runs:
            sure = all(words[place] == sounds[place] for place in places)
            yield self._qualified(replace(self._runs[run], sure=sure), words, places, taken)
        rest = [place for place in range(len(words)) if place not in taken and words[place] in self._words]
        yield from (self._heads[words[place]] for place in rest if words[place] in self._heads)
        part = [place for place in rest if words[place] not in self._qualifiers]
        if any(words[place] in self._tellers for place in part):
            spelt = self._spelt(text)
            yield Name(" ".join(spelt[n] for n in part).title(), frozenset(words[n] for n in part), whole=False)

    def _qualified(self, name: Name, words: list[str], places: range, taken: set[int]) -> Name:
        """With the qualifiers beside it that the list does not know of it; a head stands for a thing of its own."""
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
        """The only word of the names that is one typing error away, its first letter apart; else the word itself."""
        near = self._by_letter.get(word[0], ())
        if len(word) < LETTERS or word in self._qualifiers or word in self._words:
            return word
        hits = process.extract(word, near, scorer=OSA.distance, score_cutoff=1, limit=2)
        return str(hits[0][0]) if len(hits) == 1 else word

    def _spelt(self, text: str) -> list[str]:
        return [word for word in self._vocabulary.spell_out(text) if word[0].isalpha()]

    def _sounds(self, text: str) -> list[str]:
        return [sound(word) for word in self._spelt(text)]


def _agreement(names: Sequence[Name], others: Sequence[Name]) -> Literal["same", "close", "different"]:
    answers = [{name.agreement(other) for name in names} - {None} for other in others]
    surplus = any(name.whole and not any(name.agreement(other) for other in others) for name in names)
    if surplus or not all(answers):
        return "different"
    return "same" if all("same" in each for each in answers) else "close"


def _runs(words: Sequence[str], known: Mapping[frozenset[str], object]) -> list[tuple[range, frozenset[str]]]:
    """The runs of words, in any order, that are known, by their places; the longest first, none over another."""
    found: list[tuple[range, frozenset[str]]] = []
    taken: set[int] = set()
    for size in range(len(words), 0, -1):
        for start in range(len(words) - size + 1):
            places, run = range(start, start + size), frozenset(words[start : start + size])
            if len(run) == size and run in known and taken.isdisjoint(places):
                taken.update(places)
                found.append((places, run))
    return found


def _shortened(name: Name) -> Name:
    return Name(name.text.split()[0], frozenset({name.head}), head=name.head)


def _tells(part: Iterable[str], whole: frozenset[str]) -> bool:
    """Whether some of its words tell a name: two of them, or one that makes up half of it."""
    some = list(part)
    return len(some) > 1 or sum(map(len, some)) >= HALF * sum(map(len, whole))
