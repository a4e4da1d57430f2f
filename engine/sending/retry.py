"""Decides whether and when a delivery is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from engine.delivery.status import Status
from engine.limits.backoff import wait
from engine.specs.upstream import Retry


@dataclass(frozen=True, slots=True)
class Decision:
    """The delivery's status, its due time (epoch ms; None: a person decides) and the tries counted so far."""

    status: Status
    due_at: int | None
    tries: int


def try_again(
    retry: Retry, *, doubtful: bool, tries: int, now: int, retry_after: float | None, probe: bool, rng: random.Random
) -> Decision:
    """Return the next try by exponential backoff with jitter and a cap; after the last try a person decides.

    A probe of a closed channel does not count as a try: no delivery fails because the upstream is away for long. It is
    due later all the same, so that the next probe is another delivery and a poisonous record cannot keep the channel
    closed.
    """
    counted = tries if probe else tries + 1
    waiting = Status.UNSURE if doubtful else Status.RETRYING
    if counted >= retry.attempts:
        return Decision(Status.UNSURE if doubtful else Status.FAILED, None, counted)
    return Decision(waiting, now + int(1000 * wait(retry, max(counted, 1), retry_after, rng)), counted)
