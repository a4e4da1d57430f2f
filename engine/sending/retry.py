"""After a reply: what the delivery becomes, and when it is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from engine.delivery.status import Status
from engine.limits.backoff import wait
from engine.specs.upstream import Retry


@dataclass(frozen=True, slots=True)
class Decision:
    """Status, when it is due again (epoch ms, None: not by itself) and the tries counted so far."""

    status: Status
    due_at: int | None
    tries: int


def try_again(
    retry: Retry, *, doubtful: bool, tries: int, now: int, retry_after: float | None, probe: bool, rng: random.Random
) -> Decision:
    """Exponential backoff with jitter and a cap; after the last try a person decides.

    A probe of a closed channel is not counted: however long the upstream is away, no record gives up for it. It still
    steps back, so that the next probe is another delivery's and one poisonous record cannot keep the channel closed.
    """
    counted = tries if probe else tries + 1
    waiting = Status.UNSURE if doubtful else Status.RETRYING
    if counted >= retry.attempts:
        return Decision(Status.UNSURE if doubtful else Status.FAILED, None, counted)
    return Decision(waiting, now + int(1000 * wait(retry, max(counted, 1), retry_after, rng)), counted)
