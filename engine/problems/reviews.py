"""Review of all problems: leased by one process at a time, and its result, which all processes read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.problems.facts import NO_PROBLEMS, EscalatedProblem, ProblemFacts

REVIEW_MS = 600_000  # for which a result is good
LEASE_MS = 60_000  # renewed between two clinics; another process takes over when it has ended


class StoredReview(NamedTuple):
    """The last review: when it began (epoch ms; 0: there was none), and its facts as JSON."""

    reviewed_at: int
    facts: str

    def is_due(self, now: int) -> bool:
        """Return whether the next review is due; also after a clock that was ahead."""
        return not self.reviewed_at <= now < self.reviewed_at + REVIEW_MS

    def by_clinic(self) -> dict[int, ProblemFacts]:
        """Return the facts by facility; clinics without any are left out."""
        return {int(id_): _facts(**content) for id_, content in orjson.loads(self.facts).items()}


NOT_REVIEWED = StoredReview(0, "{}")


class ReviewLease(NamedTuple):
    """The right of one process to review until then; nobody else has a lease with the same end."""

    until: int


async def latest(database: Database) -> StoredReview:
    """Return the last review."""
    return await database.first(_LATEST) or NOT_REVIEWED


async def lease(database: Database, last: StoredReview) -> ReviewLease | None:
    """Lease the review after `last`; None if another process has it or has made it."""
    return await database.write(_lease, last.reviewed_at)


async def extend(database: Database, held: ReviewLease) -> ReviewLease | None:
    """Extend a lease of which less than half is left; None if another process has taken over."""
    if held.until - database.clock() > LEASE_MS // 2:
        return held
    return await database.write(_extend, held)


async def store(database: Database, held: ReviewLease, began: int, facts: Mapping[int, ProblemFacts]) -> None:
    """Store the result of a review and end its lease, unless another process has taken over."""
    told = {str(id_): one for id_, one in facts.items() if one != NO_PROBLEMS}
    parameters = {"until": held.until, "began": began, "facts": orjson.dumps(told).decode()}
    await database.execute(_STORE, parameters)


async def _lease(tx: Transaction, reviewed_at: int) -> ReviewLease | None:
    return await tx.first(_LEASE, {"now": tx.now, "until": tx.now + LEASE_MS, "before": reviewed_at})


async def _extend(tx: Transaction, held: ReviewLease) -> ReviewLease | None:
    return await tx.first(_EXTEND, {"before": held.until, "until": tx.now + LEASE_MS})


def _facts(escalated: Mapping[str, Mapping[str, object]], ignored: list[list[str]]) -> ProblemFacts:
    problems = {key: EscalatedProblem(**problem) for key, problem in escalated.items()}  # type: ignore[arg-type]
    return ProblemFacts(problems, [(spec, cause) for spec, cause in ignored])


_LATEST = Statement("SELECT reviewed_at, facts FROM problem_reviews", StoredReview)
_LEASE = Statement(
    """
INSERT INTO problem_reviews (id, held_until, reviewed_at, facts) VALUES (1, :until, 0, '{}')
ON CONFLICT (id) DO UPDATE SET held_until = excluded.held_until
WHERE problem_reviews.held_until <= CAST(:now AS BIGINT) AND problem_reviews.reviewed_at = CAST(:before AS BIGINT)
RETURNING held_until AS until
""",
    ReviewLease,
)
_EXTEND = Statement(
    "UPDATE problem_reviews SET held_until = :until WHERE held_until = :before RETURNING held_until AS until",
    ReviewLease,
)
_STORE = Command(
    "UPDATE problem_reviews SET held_until = 0, reviewed_at = :began, facts = :facts WHERE held_until = :until"
)
