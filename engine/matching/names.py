"""Names that a code list knows, recognised in what people write: by ear, by what they imply, and misspelt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.matching.index import sound
from engine.matching.vocabulary import Vocabulary

HALF = 0.5
"""Share of a name's letters from which on a part of it tells the name."""
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
        return "close" if not self.whole and _letters(self.core & other.core) >= HALF * _letters(other.core) else None


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
    """What a column of a code list knows. Immutable once built.

    `implied` are names of other things with the names that each implies, as a brand implies what it contains.
    `misspelt`: words with one typing error are recognised too.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        texts: Iterable[str],
        implied: Mapping[str, Iterable[Sequence[str]]] | None = None,
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
            core: tuple(tuple(self.name(text) for text in alternative) for alternative in alternatives)
            for core, alternatives in ((self._sounds(text), each) for text, each in (implied or {}).items())
            if core
        }
        self._longest = max((len(run) for run in self._runs), default=0)
        self._longest_implied = max((len(run) for run in self._implied), default=0)
        self._by_letter: dict[str, list[str]] = {}
        for word in {word for run in self._runs for word in run} if misspelt else ():
            self._by_letter.setdefault(word[0], []).append(word)
        self._correct = lru_cache(maxsize=CACHED)(self._corrected)

    def name(self, text: str) -> Name:
        """A name as the list writes it."""
        sounds = list(self._sounds(text))
        core = frozenset(sounds) - self._qualifiers
        if not core:
            return Name(text, frozenset(sounds), head=sounds[0] if sounds else "")
        return Name(text, core, frozenset(sounds) - core)

    def read(self, texts: Iterable[str]) -> Reading:
        """The names in the texts, which say the same thing in several ways."""
        names: dict[frozenset[str], Name] = {}
        implied: list[tuple[Name, ...]] = []
        for text in texts:
            sounds = list(self._sounds(text))
            runs = list(_runs(sounds, self._implied, self._longest_implied))
            implied += [alternative for run, _ in runs for alternative in self._implied[run]]
            kept = {place for _, places in runs for place in places}
            for name in self._read(sounds, kept):
                known = names.get(name.core)
                if known is None or (len(name.qualifiers), name.sure) > (len(known.qualifiers), known.sure):
                    names[name.core] = name
        if any(name.whole for name in names.values()):
            return Reading((tuple(name for name in names.values() if name.whole or not _is_part(name, names)),))
        return Reading(tuple(dict.fromkeys(implied)) or ((tuple(names.values()),) if names else ()))

    def _add(self, name: Name) -> None:
        if not name.core:
            return
        self._runs.setdefault(name.core | name.qualifiers, name)
        if name.qualifiers:
            self._runs.setdefault(name.core, self._bare(name))
        if len(name.core) > 1 and not name.head:
            whole = _letters(name.core)
            self._tellers |= {word for word in name.core if len(word) >= HALF * whole}

    def _bare(self, name: Name) -> Name:
        """The name without its qualifiers."""
        words = name.text.split()
        kept = [word for word in words if not self._qualifiers.issuperset(self._sounds(word))]
        return Name(" ".join(kept), name.core)

    def _sounds(self, text: str) -> tuple[str, ...]:
        return tuple(sound(word) for word in self._vocabulary.spell_out(text) if word[0].isalpha())

    def _read(self, sounds: list[str], kept: set[int]) -> Iterator[Name]:
        """The names in the words, the longest first; words at the places `kept` are not corrected."""
        words = [word if place in kept else self._correct(word) for place, word in enumerate(sounds)]
        taken: set[int] = set()
        for run, places in _runs(words, self._runs, self._longest):
            taken.update(places)
            name = replace(self._runs[run], sure=all(words[place] == sounds[place] for place in places))
            yield self._qualified(name, words, places, taken)
        rest = [word for place, word in enumerate(words) if place not in taken]
        yield from (self._heads[word] for word in rest if word in self._heads)
        part = [word for word in rest if word in self._tellers and word not in self._heads]
        if part:
            yield Name(" ".join(part).title(), frozenset(part), whole=False)

    def _qualified(self, name: Name, words: list[str], places: range, taken: set[int]) -> Name:
        """With the qualifiers beside it that the list does not know of it; a head stands for a thing of its own."""
        qualifiers = set(name.qualifiers)
        for place in (*range(places.stop, len(words)), *range(places.start - 1, -1, -1)):
            beside = place - 1 in taken or place + 1 in taken
            if not beside or words[place] not in self._qualifiers or words[place] in self._heads or name.head:
                continue
            taken.add(place)
            qualifiers.add(words[place])
        return replace(name, qualifiers=frozenset(qualifiers))

    def _corrected(self, word: str) -> str:
        """The only word of the names that is one typing error away, its first letter apart; else the word itself."""
        near = self._by_letter.get(word[0], ())
        if len(word) < LETTERS or word in self._qualifiers or word in near:
            return word
        hits = process.extract(word, near, scorer=OSA.distance, score_cutoff=1, limit=2)
        return str(hits[0][0]) if len(hits) == 1 else word


def _agreement(names: Sequence[Name], others: Sequence[Name]) -> Literal["same", "close", "different"]:
    answers = [{name.agreement(other) for name in names} - {None} for other in others]
    surplus = [name for name in names if name.whole and not any(name.agreement(other) for other in others)]
    if surplus or not all(answers):
        return "different"
    return "same" if all("same" in each for each in answers) else "close"


def _is_part(name: Name, names: Mapping[frozenset[str], Name]) -> bool:
    return any(name.core <= other.core for other in names.values() if other.whole)


def _runs(
    words: Sequence[str], known: Mapping[frozenset[str], object], longest: int
) -> Iterator[tuple[frozenset[str], range]]:
    """Runs of words, in any order, that are known, with their places; the longest first, none over another."""
    taken: set[int] = set()
    for size in range(min(longest, len(words)), 0, -1):
        for start in range(len(words) - size + 1):
            places = range(start, start + size)
            run = frozenset(words[start : start + size])
            if len(run) == size and run in known and taken.isdisjoint(places):
                taken.update(places)
                yield run, places


def _shortened(name: Name) -> Name:
    return Name(name.text.split()[0], frozenset({name.head}), head=name.head)


def _letters(words: Iterable[str]) -> int:
    return sum(map(len, words))
