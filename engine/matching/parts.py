"""The parts of which an item and a code are compared, one beside the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rapidfuzz.distance import OSA

from engine.matching.index import sound
from engine.matching.names import Agreement, Names
from engine.matching.quantities import agreement, amounts
from engine.matching.vocabulary import Vocabulary, words

PartKind = Literal["words", "quantity", "term", "names"]
Texts = str | Sequence[str] | None

SCORES: Mapping[Agreement, float] = {"same": 1.0, "close": 0.6, "different": 0.0, "unknown": 0.0}
# How much of the words must be there for them to be the same, and to be close.
SAME, CLOSE = 0.88, 0.5
ALIKE = 0.78  # how alike two words must sound to count as one


@dataclass(frozen=True, slots=True)
class Term:
    """What stands for it in a text, each as a run of words; terms that come close to it."""

    name: str
    runs: tuple[tuple[str, ...], ...]
    close: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """What is compared, and how much it counts."""

    name: str
    label: str
    kind: PartKind
    weight: float = 1.0
    veto: bool = False  # what differs here must be confirmed expressly
    # It tells what the thing is: a code is suggested for its agreement with such a part.
    identity: bool = False
    terms: tuple[Term, ...] = field(default=())
    names: Names | None = None  # with kind names: those that the code list knows


@dataclass(frozen=True, slots=True)
class Compared:
    """One part of both, as it was read, for the eye; empty where nothing was."""

    part: Part
    ours: str
    theirs: str
    agreement: Agreement
    score: float


def terms_of(plain: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[Term, ...]:
    """From the YAML's plain values: name -> synonyms, or name -> {synonyms, close}."""
    return tuple(_term(name, said, vocabulary) for name, said in plain.items())


def _term(name: str, said: Any, vocabulary: Vocabulary) -> Term:
    synonyms = said.get("synonyms") or () if isinstance(said, Mapping) else said or ()
    close = said.get("close") or () if isinstance(said, Mapping) else ()
    runs = dict.fromkeys(tuple(words(each)) for each in (name, *synonyms))
    spelt = dict.fromkeys(tuple(vocabulary.spell_out(each)) for each in (name, *synonyms))
    return Term(name, tuple(run for run in {**runs, **spelt} if run), frozenset(close))


def compare(part: Part, ours: Texts, theirs: Texts, vocabulary: Vocabulary) -> Compared:
    """Put one part of an item beside that of a code."""
    mine, others = list(_texts(ours)), list(_texts(theirs))
    match part.kind:
        case "quantity":
            return _quantities(part, mine, others, vocabulary)
        case "term":
            return _terms(part, mine, others, vocabulary)
        case "names":
            return _names(part, mine, others)
        case _:
            return _words(part, mine, others, vocabulary)


def _texts(value: Texts) -> Iterable[str]:
    for each in [value] if isinstance(value, str) else value or ():
        if each not in (None, ""):
            yield str(each)


def _compared(part: Part, ours: str, theirs: str, found: Agreement, score: float | None = None) -> Compared:
    return Compared(part, ours, theirs, found, SCORES[found] if score is None else score)


def _quantities(part: Part, ours: list[str], theirs: list[str], vocabulary: Vocabulary) -> Compared:
    mine = [amount for text in ours for amount in amounts(text, vocabulary)]
    others = [amount for text in theirs for amount in amounts(text, vocabulary)]
    found = agreement(mine, others)
    shown = " + ".join(map(str, mine)), " + ".join(map(str, others))
    if found is None:
        return _compared(part, *shown, "unknown")
    return _compared(part, *shown, "same" if found else "different")


def _terms(part: Part, ours: list[str], theirs: list[str], vocabulary: Vocabulary) -> Compared:
    mine, other = (_find_term(part.terms, texts, vocabulary) for texts in (ours, theirs))
    shown = mine.name if mine else "", other.name if other else ", ".join(theirs)
    if mine is None or other is None:
        return _compared(part, *shown, "unknown")
    if mine.name == other.name:
        return _compared(part, *shown, "same")
    near = other.name in mine.close or mine.name in other.close
    return _compared(part, *shown, "close" if near else "different")


def _find_term(terms: Sequence[Term], texts: list[str], vocabulary: Vocabulary) -> Term | None:
    """The term of the longest run; of equally long ones the one that stands last: the form follows the name."""
    best: tuple[int, int] = (0, -1)
    found = None
    for text in texts:
        for said in (words(text), vocabulary.spell_out(text)):
            for term in terms:
                place = max((_place(run, said) for run in term.runs), default=(0, -1))
                if place > best:
                    best, found = place, term
    return found


def _place(run: tuple[str, ...], said: list[str]) -> tuple[int, int]:
    """(words, where) of a run in a text; (0, -1) if it is not in it."""
    for start in range(len(said) - len(run), -1, -1):
        if tuple(said[start : start + len(run)]) == run:
            return len(run), start
    return 0, -1


def _names(part: Part, ours: list[str], theirs: list[str]) -> Compared:
    """What is not recognised in ours is unknown, never another thing."""
    if part.names is None:
        return _compared(part, "", ", ".join(theirs), "unknown")
    mine = part.names.read(ours)
    others = [name for name in map(part.names.name, theirs) if name.core]
    return _compared(part, str(mine), ", ".join(theirs), mine.agreement(others))


def _words(part: Part, ours: list[str], theirs: list[str], vocabulary: Vocabulary) -> Compared:
    shown = ", ".join(ours), ", ".join(theirs)
    mine = {word for text in ours for word in vocabulary.spell_out(text) if word[0].isalpha()}
    others = [word for text in theirs for word in vocabulary.spell_out(text) if word[0].isalpha()]
    if not mine or not others:
        return _compared(part, *shown, "unknown")
    heard = {sound(word) for word in mine}
    whole = sum(len(word) for word in others)
    got = sum(len(word) * _likeness(sound(word), heard) for word in others) / whole
    found: Agreement = "same" if got >= SAME else "close" if got >= CLOSE else "different"
    return _compared(part, *shown, found, got)


def _likeness(word: str, heard: set[str]) -> float:
    if word in heard:
        return 1.0
    best = max(OSA.normalized_similarity(word, other) for other in heard)
    return best if best >= ALIKE else 0.0
