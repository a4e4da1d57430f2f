"""Figures of a fault and the invariants that must hold, by SQL and by the sandbox's own witness."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import text

from engine.database.database import Database
from engine.outbox import counters
from sandbox.world import World

OPEN = ("queued", "sending", "retrying", "unsure")
ACCOUNTED = ("failed", "blocked", "ignored")


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """One case, or several repeats added up; `seconds` is the longest from the fault until everything is settled."""

    case: str
    runs: int
    accepted: int
    sent: int
    accounted: int
    twice: int
    stuck: int
    seconds: float

    def __add__(self, other: FaultFigures) -> FaultFigures:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return FaultFigures(**{**sums, "case": self.case, "seconds": max(self.seconds, other.seconds)})


def named(case: str, workers: int, database: Database) -> str:
    """Return the name of a case with its number of workers and its kind of database."""
    return f"{case}, {workers} worker{'s' * (workers > 1)}, {database.dialect}"


async def measure(case: str, database: Database, world: World, accepted: int, seconds: float) -> FaultFigures:
    """Return the figures. Raises AssertionError where an invariant does not hold."""
    statuses = await statuses_of(database)
    sent = statuses.get("sent", 0)
    accounted = sum(statuses.get(status, 0) for status in ACCOUNTED)
    stuck = sum(statuses.get(status, 0) for status in OPEN)
    twice = int(world.witness.summary()["duplicates_created"])
    figures = FaultFigures(case, 1, accepted, sent, accounted, twice, stuck, seconds)
    leases = await number(database, "SELECT COUNT(*) FROM leases")
    assert accepted == sent + accounted, f"I1, lost: {figures} {statuses}"
    assert twice == 0, f"I2, created twice: {world.witness.duplicates()}"
    assert (stuck, leases) == (0, 0), f"I3, stuck: {figures} {statuses}, {leases} leases"
    assert await counters.kept(database) == await counters.recount(database), "I4, counters"
    tries = await number(database, "SELECT COUNT(*) FROM attempts WHERE operation IN ('create', 'update', 'lost')")
    posts = sum(n for label, n in world.witness.summary()["posts"].items() if label != "token")
    assert tries >= posts, f"I5, {posts} posts upstream and {tries} on record"
    return figures


async def statuses_of(database: Database) -> dict[str, int]:
    """Return deliveries by status, freshly counted."""
    rows = await database.fetch(text("SELECT status, COUNT(*) FROM deliveries GROUP BY status"))
    return {str(status): int(n) for status, n in rows}


async def number(database: Database, query: str) -> int:
    [(n,)] = await database.fetch(text(query))
    return int(n)


def table(figures: list[FaultFigures]) -> list[str]:
    """Return a Markdown table, the repeats of a case added up."""
    cases: dict[str, FaultFigures] = {}
    for one in figures:
        cases[one.case] = cases[one.case] + one if one.case in cases else one
    head = "| case | runs | accepted | sent | accounted for | created twice | stuck | seconds to drain |"
    lines = [head, "|---" + "|---:" * 7 + "|"]
    for f in cases.values():
        cells = (f.runs, f.accepted, f.sent, f.accounted, f.twice, f.stuck, f"{f.seconds:.1f}")
        lines.append(f"| {f.case} | " + " | ".join(str(cell) for cell in cells) + " |")
    return lines
