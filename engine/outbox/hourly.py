"""Hourly counters for the charts: settled deliveries by outcome, and requests with their answer times.

They are written in the transaction that settles, so that no chart has to count deliveries or attempts. A clinic that
sends twenty types twelve hours a day adds about a hundred thousand rows (ten megabytes) in a year; none is removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from adapters.base import Verdict
from engine.database.statements import Command
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.delivery.types import Settlement

HOUR_MS = 3_600_000
SLOW_MS = 1_000  # an answer that takes longer is slow
OUTCOMES: dict[str, str] = {Status.SENT: "sent", Status.FAILED: "refused", Status.BLOCKED: "held"}
REQUESTS = frozenset(("create", "update", "find"))  # operations of an attempt that asked the upstream
UNANSWERED = frozenset((Verdict.UNAVAILABLE, Verdict.UNSURE))


async def apply(tx: Transaction, settled: Iterable[tuple[int, str, str]], settlements: Sequence[Settlement]) -> None:
    """Count the settled (facility, type, status), and the requests of the settlements by the hour they began in."""
    hour = tx.now // HOUR_MS
    counts = Counter(
        [(facility, hour, spec, OUTCOMES[status]) for facility, spec, status in settled if status in OUTCOMES]
    )
    # In sorted order, so that two transactions never deadlock.
    if counts:
        await tx.execute(_ADD_COUNTS, {"rows": [(*key, n) for key, n in sorted(counts.items())]})
    requests = _requests(settlements)
    if requests:
        await tx.execute(_ADD_REQUESTS, {"rows": [(*key, *sums) for key, sums in sorted(requests.items())]})


def _requests(settlements: Sequence[Settlement]) -> dict[tuple[int, int, str], list[int]]:
    """Return (facility, hour, upstream) -> [requests, milliseconds of the answers, slow answers, unanswered]."""
    sums: dict[tuple[int, int, str], list[int]] = {}
    for settlement in settlements:
        delivery = settlement.delivery
        for attempt in settlement.attempts:
            if attempt.operation in REQUESTS:
                key = (delivery.facility_id, attempt.at // HOUR_MS, delivery.upstream)
                row = sums.setdefault(key, [0, 0, 0, 0])
                row[0] += 1
                if attempt.verdict in UNANSWERED:
                    row[3] += 1
                else:
                    row[1] += attempt.milliseconds
                    row[2] += attempt.milliseconds > SLOW_MS
    return sums


_ADD_COUNTS = Command(
    """
INSERT INTO hourly_counts (facility_id, hour, spec, outcome, n)
SELECT facility_id, hour, spec, outcome, n FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, hour, spec, outcome) DO UPDATE SET n = hourly_counts.n + excluded.n
""",
    rows="facility_id integer, hour integer, spec text, outcome text, n bigint",
)
_ADD_REQUESTS = Command(
    """
INSERT INTO hourly_requests (facility_id, hour, upstream, n, milliseconds, slow, failed)
SELECT facility_id, hour, upstream, n, milliseconds, slow, failed FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, hour, upstream) DO UPDATE SET n = hourly_requests.n + excluded.n,
  milliseconds = hourly_requests.milliseconds + excluded.milliseconds,
  slow = hourly_requests.slow + excluded.slow, failed = hourly_requests.failed + excluded.failed
""",
    rows=(
        "facility_id integer, hour integer, upstream text, n bigint, milliseconds bigint, slow bigint, failed bigint"
    ),
)
