"""Paths that refuse whatever is sent to them: their types are paused, and the upstream's other types go on."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from adapters.messages import message
from engine.database.database import Database
from engine.delivery.types import ClaimedDelivery
from engine.outbox.pauses.pauses import AUTOMATIC, NewPause, PauseFault, begin

REFUSALS = 5  # in a row, after which a path counts as refused
MIN_DELIVERIES = 2  # that they are about: a single one may be refused for its own content
# Pauses by how often the path was paused since it last accepted something; the last one repeats.
PAUSE_SECONDS = (900, 1800, 3600)
MAX_WORDS = 200  # characters of the upstream's own words in the reason
MAX_PATH = 200  # characters
MAX_STOPPED = 1000  # batches that are remembered; they end within seconds

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Refusals:
    n: int = 0
    deliveries: set[int] = field(default_factory=set)
    pauses: int = 0


class RefusedPaths:
    """Counts in one process the refusals in a row of each facility and type, and pauses the type."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refusals: dict[tuple[int, str], _Refusals] = {}
        self._stopped: set[tuple[int, str]] = set()  # (lease, type) of batches that were claimed before the pause

    def accepted(self, delivery: ClaimedDelivery) -> None:
        """Note that the path of the delivery works."""
        if self._refusals:
            self._refusals.pop((delivery.facility_id, delivery.spec), None)

    def is_stopped(self, delivery: ClaimedDelivery) -> bool:
        """Return whether the path of the delivery was paused after the delivery had been claimed."""
        return bool(self._stopped) and (delivery.lease.id, delivery.spec) in self._stopped

    async def refused(self, delivery: ClaimedDelivery, path: str, words: str) -> None:
        """Note a refusal; pause the type if there were enough of them."""
        seen = self._refusals.setdefault((delivery.facility_id, delivery.spec), _Refusals())
        seen.n += 1
        seen.deliveries.add(delivery.id)
        if seen.n < REFUSALS or len(seen.deliveries) < MIN_DELIVERIES:
            return
        seconds = PAUSE_SECONDS[min(seen.pauses, len(PAUSE_SECONDS) - 1)]
        seen.n = 0
        seen.deliveries.clear()
        ends_at = self._database.clock() + 1000 * seconds
        reason = message("pause.path_refused", path=path[:MAX_PATH], words=words[:MAX_WORDS])
        new = NewPause(
            delivery.facility_id, delivery.upstream, reason, (delivery.spec,), path[:MAX_PATH], ends_at=ends_at
        )
        begun = await begin(self._database, new, AUTOMATIC)
        if len(self._stopped) >= MAX_STOPPED:
            self._stopped.clear()
        # After the pause is stored: what is given back from now on is not claimed again.
        self._stopped.add((delivery.lease.id, delivery.spec))
        if isinstance(begun, PauseFault):
            return  # it is paused already
        seen.pauses += 1
        log.warning("path_paused", upstream=delivery.upstream, spec=delivery.spec, seconds=seconds)
