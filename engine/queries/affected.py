"""Deliveries that a root cause holds, as a list for the person who mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement


class FailedDelivery(NamedTuple):
    """A delivery that failed; `since` is when its record was first submitted (epoch ms)."""

    key: str
    norm: str | None
    name: str | None
    since: int


class AwaitedKey(NamedTuple):
    """A record that `n` deliveries wait for; `norm` and `name` are those of the patient, if all are of one patient."""

    key: str
    norm: str | None
    name: str | None
    since: int
    n: int


async def failed(database: Database, facility_id: int, spec: str, cause: str, limit: int) -> list[FailedDelivery]:
    """Return the deliveries of a type that failed for a cause, oldest day first."""
    parameters = {"facility": facility_id, "spec": spec, "cause": cause, "most": limit}
    return await database.fetch(_FAILED, parameters)


async def waiting(database: Database, facility_id: int, spec: str, keys: Sequence[str]) -> list[AwaitedKey]:
    """Return what waits for these records of a type, the longest wait first."""
    return await database.fetch(_WAITING, {"facility": facility_id, "spec": spec, "keys": keys})


_FAILED = Statement(
    """
SELECT key, patient_norm AS norm, patient_name AS name, created_at AS since FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND cause = :cause AND cause IS NOT NULL
ORDER BY date, id LIMIT :most
""",
    FailedDelivery,
)
_WAITING = Statement(
    """
SELECT w.key,
  CASE WHEN COUNT(DISTINCT d.patient_norm) = 1 THEN MIN(d.patient_norm) END AS norm,
  CASE WHEN COUNT(DISTINCT d.patient_norm) = 1 THEN MIN(d.patient_name) END AS name,
  MIN(w.created_at) AS since, COUNT(*) AS n
FROM {keys} AS v CROSS JOIN waits AS w CROSS JOIN deliveries AS d
WHERE w.facility_id = :facility AND w.spec = :spec AND w.key = v.key AND NOT w.set_aside AND d.id = w.delivery_id
GROUP BY w.key ORDER BY since, w.key
""",
    AwaitedKey,
    keys="key text",
)
