"""Backoff: seconds to wait before the next try, by the retry policy or as the upstream asked (Retry-After)."""

from __future__ import annotations

import random

from engine.specs.upstream import Retry

# Seconds of a Retry-After that are honoured: "0" would make a loop, and a huge one would never end.
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 3600.0


def wait(retry: Retry, tries: int, retry_after: float | None, rng: random.Random) -> float:
    """Seconds until the next try: what the upstream asked for, or between half of and the whole backoff."""
    if retry_after is not None:
        return asked(retry_after)
    full = min(retry.cap, retry.first * retry.factor ** (tries - 1))
    return full * (0.5 + rng.random() / 2)


def asked(retry_after: float) -> float:
    """Seconds to wait where an upstream asked for so many."""
    return min(max(retry_after, SHORTEST_WAIT), LONGEST_WAIT)
