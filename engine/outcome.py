"""What a trip ends in: the settlement of its delivery, and what it tells about the channel."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.outbox.entries import Settlement


class Signal(StrEnum):
    """What a delivery tells about its channel."""

    NOTHING = "nothing"
    GOOD = "good"
    DOWN = "down"
    REFUSED = "refused"
    THROTTLED = "throttled"


class Outcome(Struct, frozen=True):
    """How a delivery ended, and what that says of the channel."""

    settlement: Settlement
    signal: Signal = Signal.NOTHING
    reason: str = ""
    retry_after: float | None = None
