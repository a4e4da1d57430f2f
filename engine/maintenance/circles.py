"""Finds records that wait for each other in a circle: none of them is ever sent, and nothing else says so.

Entries may form circles, because records seldom do: a visit follows an order of an earlier visit. So circles are
judged by the waits of stored deliveries. Each wait is looked at once, when it has lasted so long that most others have
ended; those of a circle that is told are looked at each time, until the circle opens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import structlog

from adapters.messages import message
from engine.catalog.catalog import Catalog
from engine.catalog.circles import needs_in_circles, shortest_circle
from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.types import Channel
from engine.outbox.waits import open_circles, tell_circles
from engine.specs.record_type import Spec
from engine.specs.text import Text

PATIENCE_MS = 10_000  # that a wait lasts before it is looked at; by then the transaction that wrote it has ended
MAX_DELIVERIES = 10_000  # that are followed in one search

log = structlog.get_logger(__name__)


class CircleSearch:
    """Searches for circles among the waits that have come since the last search; the first search looks at all."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], due: Callable[[Channel], None]) -> None:
        self._database = database
        self._catalog = catalog
        self._due = due
        self._until = 0
        self._pairs: tuple[str, list[tuple[str, str]]] = ("", [])  # hash of the configuration, its needs in circles

    async def tick(self) -> None:
        """Tell new circles, and make due what was in a circle that has opened."""
        catalog, until = self._catalog(), self._database.clock() - PATIENCE_MS
        if self._pairs[0] != catalog.hash:
            self._pairs = catalog.hash, needs_in_circles(catalog.specs)
        window = {"since": min(self._until, until), "until": until, "pairs": self._pairs[1]}
        starts = await self._database.fetch(_STARTS, window)
        if starts:
            for channel in await self._judge(starts, catalog.specs):
                self._due(channel)
        self._until = until

    async def _judge(self, starts: Sequence[_Start], specs: Mapping[str, Spec]) -> set[Channel]:
        members, edges = await self._follow([start.id for start in starts])
        circles = _circles([start.id for start in starts], edges)
        texts = {id_: _text(circle, members, specs) for id_, circle in circles.items()}
        told = {start.id: start.problem for start in starts if start.told}
        new: list[tuple[int, str]] = [(id_, text) for id_, text in sorted(texts.items()) if told.get(id_) != text]
        if new:
            log.warning("circle_of_waits", deliveries=[id_ for id_, _ in new])
            await self._database.write(tell_circles, new)
        opened = sorted(told.keys() - texts.keys())
        return await self._database.write(open_circles, opened) if opened else set()

    async def _follow(self, ids: Sequence[int]) -> tuple[dict[int, _Member], dict[int, list[int]]]:
        """Return the deliveries that these wait for, directly or through others, and who waits for whom."""
        members: dict[int, _Member] = {}
        edges: dict[int, list[int]] = {}
        frontier = set(ids)
        while frontier and len(edges) < MAX_DELIVERIES:
            steps = await self._database.fetch(_STEPS, {"ids": sorted(frontier)})
            edges |= {id_: [] for id_ in frontier} | _edges(steps)
            members |= {step.id: _Member(step.spec, step.key) for step in steps}
            frontier = {id_ for reached in edges.values() for id_ in reached} - edges.keys()
        return members, edges


class _Start(NamedTuple):
    """A delivery that may be in a circle; `told`: it was found in one before, which `problem` names."""

    id: int
    told: bool
    problem: str | None


class _Step(NamedTuple):
    """A submitted record that a delivery waits for; `stuck`: it is blocked itself and was never sent."""

    waiting: int
    alternative: bool
    id: int
    spec: str
    key: str
    stuck: bool


class _Member(NamedTuple):
    spec: str
    key: str


def _edges(steps: Sequence[_Step]) -> dict[int, list[int]]:
    """Return delivery -> the stuck deliveries without which it is not sent.

    Of records of which any will do, one that is the only one submitted counts.
    """
    choices: dict[tuple[int, str], list[_Step]] = defaultdict(list)
    edges: dict[int, list[int]] = defaultdict(list)
    for step in steps:
        if step.alternative:
            choices[step.waiting, step.key].append(step)
        elif step.stuck:
            edges[step.waiting].append(step.id)
    for (waiting, _), alternatives in choices.items():
        if len(alternatives) == 1 and alternatives[0].stuck:
            edges[waiting].append(alternatives[0].id)
    return edges


def _circles(starts: Collection[int], edges: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
    """Return each delivery that is in a circle -> its shortest one, from the oldest member."""
    found = {id_ for start in starts for id_ in shortest_circle(start, edges)}
    circles = {}
    for id_ in sorted(found):
        circle = shortest_circle(id_, edges)[1:]
        first = circle.index(min(circle))
        circles[id_] = [*circle[first:], *circle[:first]]
    return circles


def _text(circle: Sequence[int], members: Mapping[int, _Member], specs: Mapping[str, Spec]) -> str:
    """Return the message that names the members of a circle, the first one again at the end."""
    named = [members[id_] for id_ in [*circle, circle[0]]]
    labels = [(specs[member.spec].label if member.spec in specs else Text.plain(member.spec)) for member in named]
    chains = (
        " → ".join(f"{getattr(label, language)} {member.key}" for label, member in zip(labels, named, strict=True))
        for language in ("id", "en")
    )
    return message("delivery.circle", chain=Text(*chains))


# Only a wait for a delivery that itself waits by such a need can be part of a circle. CROSS JOIN: SQLite then begins
# with the waits.
_STARTS = Statement(
    """
SELECT w.delivery_id AS id, false AS told, NULL AS problem
FROM waits AS w JOIN deliveries AS d ON d.id = w.delivery_id
JOIN {pairs} AS p ON p.spec = d.spec AND p.needed = w.spec
JOIN deliveries AS t ON t.facility_id = w.facility_id AND t.spec = w.spec AND t.key = w.key
WHERE w.created_at > :since AND w.created_at <= :until AND NOT w.circle AND d.reference IS NULL
  AND t.status = 'blocked' AND t.reference IS NULL AND EXISTS (
    SELECT 1 FROM waits AS o JOIN {pairs} AS q ON q.spec = t.spec AND q.needed = o.spec WHERE o.delivery_id = t.id
  )
UNION
SELECT d.id, true, d.problem FROM waits AS w CROSS JOIN deliveries AS d WHERE w.circle AND d.id = w.delivery_id
""",
    _Start,
    pairs="spec text, needed text",
)
_STEPS = Statement(
    """
SELECT w.delivery_id AS waiting, w.alternative, t.id, t.spec, t.key,
  t.status = 'blocked' AND t.reference IS NULL AS stuck
FROM {ids} AS v JOIN waits AS w ON w.delivery_id = v.id
JOIN deliveries AS t ON t.facility_id = w.facility_id AND t.spec = w.spec AND t.key = w.key
ORDER BY w.delivery_id, t.id
""",
    _Step,
    ids="id bigint",
)
