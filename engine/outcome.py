"""What a trip ends in: the settlement of its delivery, and what it tells about the channel."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from engine.delivery.types import Settlement


class Signal(StrEnum):
    """What a delivery tells about its channel."""

    NOTHING = "nothing"
    GOOD = "good"
    DOWN = "down"
    REFUSED = "refused"
    THROTTLED = "throttled"


class ChannelReport(Protocol):
    """What a request says of its channel."""

    @property
    def signal(self) -> Signal: ...

    @property
    def reason(self) -> str: ...

    @property
    def retry_after(self) -> float | None: ...


class Outcome(Struct, frozen=True):
    """How a delivery ended, and what that says of the channel."""

    settlement: Settlement
    signal: Signal = Signal.NOTHING
    reason: str = ""
    retry_after: float | None = None


class ReadReport(Struct, frozen=True):
    """What the reading of a code list says of its channel."""

    signal: Signal
    reason: str = ""
    retry_after: float | None = None
