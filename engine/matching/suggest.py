"""Ranks codes for an item, using only the parts that people see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.matching.parts import Compared, Part, Texts, compare
from engine.matching.vocabulary import Vocabulary

UNKNOWN_PENALTY = 0.25  # share of the score that is lost if no part could be compared
SCORE_DECIMALS = 6  # smaller differences of scores are ignored


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A code compared with an item. The score, 0 to 1, is the weighted mean of the parts that could be compared."""

    key: str
    score: float
    compared: tuple[Compared, ...]

    @property
    def vetoes(self) -> tuple[Compared, ...]:
        """Differences that a person must confirm explicitly."""
        return tuple(part for part in self.compared if part.part.veto and part.agreement == "different")

    @property
    def is_likely(self) -> bool:
        """True if the code agrees in an identifying part and has no veto in one."""
        identity = [part for part in self.compared if part.part.identity]
        if any(part.part.identity for part in self.vetoes):
            return False
        return not identity or any(part.agreement in ("same", "close") for part in identity)

    @property
    def surplus(self) -> int:
        """Number of parts that the code has and the item leaves open."""
        return sum(not part.ours and bool(part.theirs) for part in self.compared)


def beside(
    key: str, parts: Sequence[Part], ours: Mapping[str, Texts], theirs: Mapping[str, Texts], vocabulary: Vocabulary
) -> Suggestion:
    """Compare one code with an item; `ours` and `theirs` are their texts by the names of the parts."""
    compared = tuple(compare(part, ours.get(part.name), theirs.get(part.name), vocabulary) for part in parts)
    return Suggestion(key, _score(compared), compared)


def suggest(
    parts: Sequence[Part],
    ours: Mapping[str, Texts],
    candidates: Mapping[str, Mapping[str, Texts]],
    vocabulary: Vocabulary,
    limit: int = 10,
) -> list[Suggestion]:
    """Return the best codes first; codes with a difference that must be confirmed come after all others.

    Of two equal scores, the code with fewer parts that the item leaves open comes first: if the item names no maker,
    a product without a maker. Codes that agree in no identifying part, or have a veto in one, are left out.
    """
    suggestions = [beside(key, parts, ours, theirs, vocabulary) for key, theirs in candidates.items()]
    likely = [code for code in suggestions if code.is_likely]
    return sorted(likely, key=lambda code: (len(code.vetoes), -round(code.score, SCORE_DECIMALS), code.surplus))[:limit]


def only_exact(
    parts: Sequence[Part],
    ours: Mapping[str, Texts],
    candidates: Mapping[str, Mapping[str, Texts]],
    vocabulary: Vocabulary,
    rule: Mapping[str, Collection[str]],
) -> Suggestion | None:
    """Return the code of which each part that the rule names agrees in a way that the rule accepts.

    Return None if there is no such code, or more than one.
    """
    ruled = [part for part in parts if part.name in rule]
    exact = [
        key
        for key, theirs in candidates.items()
        if all(
            compare(part, ours.get(part.name), theirs.get(part.name), vocabulary).accord in rule[part.name]
            for part in ruled
        )
    ]
    return beside(exact[0], parts, ours, candidates[exact[0]], vocabulary) if len(exact) == 1 else None


def _score(compared: Sequence[Compared]) -> float:
    comparable = [part for part in compared if part.agreement != "unknown"]
    whole = sum(part.part.weight for part in compared)
    weight = sum(part.part.weight for part in comparable)
    if not weight:
        return 0.0
    score = sum(part.part.weight * part.score for part in comparable)
    return score / weight * (1 - UNKNOWN_PENALTY * (1 - weight / whole))
