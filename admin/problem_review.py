"""Reviews the problems of all clinics every few minutes: keeps since when they are open, finds the escalated ones."""

from __future__ import annotations

from collections.abc import Mapping

from admin.pages.problems.root_causes import RootCause, root_causes
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.hub import Hub
from engine.problems import states
from engine.problems.facts import EscalatedProblem, ProblemFacts
from engine.problems.states import MENDED_AFTER_MS, NEW, ProblemState, SeenProblem
from engine.queries.todo import todo_facts, with_problems

REVIEW_MS = 600_000


class ProblemReview:
    """Review of a process: its result is good for REVIEW_MS; several processes store the same."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._reviewed_at: int | None = None
        self._facts: dict[int, ProblemFacts] = {}
        # Escalated problems and when they were seen last. While their deliveries are tried again they are not there.
        self._seen: dict[tuple[int, str], tuple[int, EscalatedProblem]] = {}

    async def facts(self) -> Mapping[int, ProblemFacts]:
        """Return what alerts need to know of the problems of each clinic."""
        now = self._hub.database.clock()
        if self._reviewed_at is None or not self._reviewed_at <= now < self._reviewed_at + REVIEW_MS:
            troubled = await with_problems(self._hub.database)
            clinics = await all_facilities(self._hub.database)
            self._facts = {row.id: await self._review(row, row.id in troubled) for row in clinics}
            self._reviewed_at = now
        return self._facts

    async def _review(self, facility: FacilityRow, has_problems: bool) -> ProblemFacts:
        database, now = self._hub.database, self._hub.database.clock()
        causes = await self._causes(facility) if has_problems else {}
        kept = await states.states(database, facility.id, list(causes))
        today = facility.local(now).date().isoformat()
        ignored = {key for key, cause in causes.items() if kept.get(key, NEW).is_ignored(today, cause.times.last)}
        seen = [SeenProblem(key, cause.times.first or now, key in ignored) for key, cause in causes.items()]
        await states.note_seen(database, facility.id, seen)
        for key, cause in causes.items():
            self._seen.pop((facility.id, key), None)
            state = kept.get(key, NEW)
            if key not in ignored and state.is_escalated(cause.times.first, now, facility.escalation_hours):
                self._seen[facility.id, key] = now, _escalated(cause, state, now)
        escalated = {
            key: problem
            for (id_, key), (seen_at, problem) in self._seen.items()
            if id_ == facility.id and now - seen_at < MENDED_AFTER_MS
        }
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
    return EscalatedProblem(f"{labels}{cause.explanation.title}", state.open_since(cause.times.first, now), cause.total)
