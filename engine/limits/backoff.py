"""Seconds to wait before the next try, by the retry policy or as the upstream asked (Retry-After)."""

from __future__ import annotations

import random

from engine.specs.upstream import Retry

# Bounds of a Retry-After: "0" would make a loop, and a huge one would never end.
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 3600.0


def wait(retry: Retry, tries: int, retry_after: float | None, rng: random.Random) -> float:
    """Return the seconds until the next try: as the upstream asked, or between half of and the whole backoff."""
    if retry_after is not None:
        return bounded(retry_after)
    full = min(retry.cap, retry.first * retry.factor ** (tries - 1))
    return full * (0.5 + rng.random() / 2)


def bounded(retry_after: float) -> float:
    """Return the seconds that the upstream asked for, within MIN_WAIT_SECONDS and MAX_WAIT_SECONDS."""
    return min(max(retry_after, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)
