"""Ranks codes for an item by the parts that a person sees, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.matching.parts import Compared, Part, Texts, compare
from engine.matching.vocabulary import Vocabulary

UNKNOWN = 0.25  # what of the score is lost if nothing could be compared
DIGITS = 6  # scores that differ in less are equal


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

    @property
    def is_likely(self) -> bool:
        """Whether it agrees in a part that tells what the thing is, and differs in none that must be confirmed."""
        identity = [each for each in self.compared if each.part.identity]
        if any(each.part.identity for each in self.vetoes):
            return False
        return not identity or any(each.agreement in ("same", "close") for each in identity)

    @property
    def surplus(self) -> int:
        """How many parts the code tells of which the item says nothing."""
        return sum(not each.ours and bool(each.theirs) for each in self.compared)


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
    """The best first; those with a difference that must be confirmed come after all others.

    Of two that are equally good the one that says less of what the item leaves open comes first: no maker's product
    where the maker is not known. What is another thing, or agrees in nothing that tells what it is, is left out.
    """
    found = [beside(key, parts, ours, theirs, vocabulary) for key, theirs in candidates.items()]
    kept = [each for each in found if each.is_likely]
    return sorted(kept, key=lambda each: (len(each.vetoes), -round(each.score, DIGITS), each.surplus))[:limit]


def _score(compared: Sequence[Compared]) -> float:
    whole = sum(each.part.weight for each in compared)
    known = sum(each.part.weight for each in compared if each.agreement != "unknown")
    if not known:
        return 0.0
    got = sum(each.part.weight * each.score for each in compared if each.agreement != "unknown")
    return got / known * (1 - UNKNOWN * (1 - known / whole))
