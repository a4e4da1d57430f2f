"""Facts about the problems of a clinic that alerts need: those open for too long, and what ignored ones hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EscalatedProblem:
    """A problem that is open since `since` (epoch ms), longer than the clinic allows, and holds `n` deliveries.

    `seen_at` is when it was last there: while its deliveries are tried again it is not.
    """

    title: str
    since: int
    n: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class ProblemFacts:
    """Escalated problems of a clinic by their keys, and its failures by (type, cause) that a person ignores."""

    escalated: Mapping[str, EscalatedProblem] = field(default_factory=dict)
    ignored: Sequence[tuple[str, str]] = ()


NO_PROBLEMS = ProblemFacts()
