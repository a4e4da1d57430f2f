"""Facts about the problems of a clinic that alerts need: those that are open for too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EscalatedProblem:
    """A problem that is open since `since` (epoch ms), longer than the clinic allows, and holds `n` deliveries."""

    title: str
    since: int
    n: int


@dataclass(frozen=True, slots=True)
class ProblemFacts:
    """Escalated problems of a clinic by their keys."""

    escalated: Mapping[str, EscalatedProblem] = field(default_factory=dict)


NO_PROBLEMS = ProblemFacts()
