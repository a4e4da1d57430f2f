"""What a trip ends in: the settlement of its delivery, and what it tells about the channel."""

from __future__ import annotations

from msgspec import Struct

from engine.delivery.types import Settlement, Signal


class Outcome(Struct, frozen=True):
    """How a delivery ended, and what that says of the channel."""

    settlement: Settlement
    signal: Signal = Signal.NOTHING
    reason: str = ""
    retry_after: float | None = None
