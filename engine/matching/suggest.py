"""Ranks codes for an item by the parts that a person sees, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.matching.parts import Compared, Part, Texts, compare
from engine.matching.vocabulary import Vocabulary

UNKNOWN = 0.25
"""What of the score is lost if nothing could be compared."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A code beside an item. The score, 0 to 1, is the weighted mean of the parts that could be compared."""

    key: str
    score: float
    compared: tuple[Compared, ...]

    @property
    def vetoes(self) -> tuple[Compared, ...]:
        """The differences that must be confirmed expressly."""
        return tuple(each for each in self.compared if each.part.veto and each.agreement == "different")


def beside(
    key: str, parts: Sequence[Part], ours: Mapping[str, Texts], theirs: Mapping[str, Texts], vocabulary: Vocabulary
) -> Suggestion:
    """One code beside an item; `ours` and `theirs` are the texts by the names of the parts."""
    compared = tuple(compare(part, ours.get(part.name), theirs.get(part.name), vocabulary) for part in parts)
    return Suggestion(key, _score(compared), compared)


def suggest(
    parts: Sequence[Part],
    ours: Mapping[str, Texts],
    candidates: Mapping[str, Mapping[str, Texts]],
    vocabulary: Vocabulary,
    limit: int = 10,
) -> list[Suggestion]:
    """The best first; those with a difference that must be confirmed come after all others."""
    found = [beside(key, parts, ours, theirs, vocabulary) for key, theirs in candidates.items()]
    return sorted(found, key=lambda each: (len(each.vetoes), -each.score))[:limit]


def _score(compared: Sequence[Compared]) -> float:
    whole = sum(each.part.weight for each in compared)
    known = sum(each.part.weight for each in compared if each.agreement != "unknown")
    if not known:
        return 0.0
    got = sum(each.part.weight * each.score for each in compared if each.agreement != "unknown")
    return got / known * (1 - UNKNOWN * (1 - known / whole))
