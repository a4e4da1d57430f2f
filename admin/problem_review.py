"""Reviews the problems of all clinics every few minutes: keeps since when they are open, finds the escalated ones."""

from __future__ import annotations

from collections.abc import Mapping

from admin.pages.problems.root_causes import RootCause, root_causes
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.hub import Hub
from engine.problems import reviews, states
from engine.problems.facts import NO_PROBLEMS, EscalatedProblem, ProblemFacts
from engine.problems.reviews import ReviewLease
from engine.problems.states import MENDED_AFTER_MS, NEW, ProblemState, SeenProblem
from engine.queries.todo import todo_facts, with_problems


class ProblemReview:
    """Review by a process: of several processes one makes it every few minutes, and all read its result."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def facts(self) -> Mapping[int, ProblemFacts]:
        """Return what alerts need to know of the problems of each clinic."""
        database = self._hub.database
        last = await reviews.latest(database)
        held = await reviews.lease(database, last) if last.is_due(database.clock()) else None
        before = last.by_clinic()
        return before if held is None else await self._review_all(held, before)

    async def _review_all(self, held: ReviewLease, before: Mapping[int, ProblemFacts]) -> Mapping[int, ProblemFacts]:
        """Return the facts after a review; those before it if another process has taken over."""
        database, began, facts = self._hub.database, self._hub.database.clock(), dict[int, ProblemFacts]()
        troubled = await with_problems(database)
        for row in await all_facilities(database):
            facts[row.id] = await self._review(row, row.id in troubled, before.get(row.id, NO_PROBLEMS))
            extended = await reviews.extend(database, held)
            if extended is None:
                return before
            held = extended
        await reviews.store(database, held, began, facts)
        return facts

    async def _review(self, facility: FacilityRow, has_problems: bool, before: ProblemFacts) -> ProblemFacts:
        database, now = self._hub.database, self._hub.database.clock()
        causes = await self._causes(facility) if has_problems else {}
        kept = await states.states(database, facility.id, list(causes))
        today = facility.local(now).date().isoformat()
        ignored = {key for key, cause in causes.items() if kept.get(key, NEW).is_ignored(today, cause.times.last)}
        seen = [SeenProblem(key, cause.times.first or now, key in ignored) for key, cause in causes.items()]
        await states.note_seen(database, facility.id, seen)
        escalated = {
            key: problem
            for key, problem in before.escalated.items()
            if key not in causes and now - problem.seen_at < MENDED_AFTER_MS
        }
        for key, cause in causes.items():
            state = kept.get(key, NEW)
            if key not in ignored and state.is_escalated(cause.times.first, now, facility.escalation_hours):
                escalated[key] = _escalated(cause, state, now)
        failures = [(part.spec.name, part.cause) for key in ignored for part in causes[key].parts if causes[key].n]
        return ProblemFacts(escalated, failures)

    async def _causes(self, facility: FacilityRow) -> dict[str, RootCause]:
        """Return the problems of a clinic by their keys."""
        catalog, causes = self._hub.catalog, dict[str, RootCause]()
        for upstream in catalog.upstreams.values():
            specs = [spec for spec in catalog.specs.values() if spec.upstream.name == upstream.name]
            facts = await todo_facts(self._hub.database, facility.id, specs)
            causes |= {cause.key: cause for cause in root_causes(catalog, upstream, facility, facts, ())}
        return causes


def _escalated(cause: RootCause, state: ProblemState, now: int) -> EscalatedProblem:
    labels = f"{cause.labels}: " if cause.missing is None else ""
    title = f"{labels}{cause.explanation.title}"
    return EscalatedProblem(title, state.open_since(cause.times.first, now), cause.total, now)
