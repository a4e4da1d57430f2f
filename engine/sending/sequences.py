"""Sequences: deliveries of equal `sequence` that go to the upstream in the order in which they were handed in.

A claim passes over what has an earlier one still to be sent (engine.outbox.claim), but not over what has an earlier one
that is blocked: it may wait for the later one. Whether an earlier one was released since is asked when the later one is
prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.status import Status
from engine.delivery.types import ClaimedDelivery
from engine.outbox.reclaim import release_overlooked


async def overtaking(database: Database, claimed: Sequence[ClaimedDelivery]) -> frozenset[int]:
    """Return ids of the claimed deliveries of which an earlier one of the same sequence may go out now.

    Call it after the records that they need were looked up: what these released is then seen.
    """
    rows = [(d.id, d.facility_id, d.upstream, d.sequence) for d in claimed if d.sequence is not None]
    if not rows:
        return frozenset()
    earlier = await database.fetch(_EARLIER, {"rows": rows})
    if any(one.status == Status.BLOCKED for one in earlier):  # otherwise the later one is claimed again at once
        await release_overlooked(database)
    return frozenset(one.id for one in earlier if one.status is not None)


class _Earlier(NamedTuple):
    """A claimed delivery, and the status of an earlier one that may go out now.

    "blocked": although a record that it waits for has arrived.
    """

    id: int
    status: str | None


# A subquery of one value is looked up for each delivery; a join may read all sequences.
_EARLIER = Statement(
    """
SELECT v.id, (
  SELECT MIN(ahead.status) FROM deliveries AS ahead
  WHERE ahead.facility_id = v.facility_id AND ahead.upstream = v.upstream AND ahead.sequence = v.sequence
    AND ahead.id < v.id AND (ahead.status IN ('queued', 'retrying', 'unsure') OR ahead.status = 'blocked' AND EXISTS (
      SELECT 1 FROM waits AS w WHERE w.delivery_id = ahead.id AND NOT w.set_aside AND (
        SELECT d.reference FROM deliveries AS d
        WHERE d.facility_id = w.facility_id AND d.spec = w.spec AND d.key = w.key
      ) IS NOT NULL
    ))
) AS status FROM {rows} AS v
""",
    _Earlier,
    rows="id bigint, facility_id integer, upstream text, sequence text",
)
