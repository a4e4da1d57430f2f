"""Number of clinics' databases that a process reads for its pages at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_AT_ONCE = 2
WHOLE_SECONDS = 60.0  # that a look at a clinic's database may take, beyond which it is given up


class NoSlot(Exception):
    """Raised when as many people look at clinics' databases as may at once; one more has to wait."""


class LookSlots:
    """The slots of one process."""

    def __init__(self) -> None:
        self._taken = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot; raises NoSlot if none is free."""
        if self._taken >= MAX_AT_ONCE:
            raise NoSlot
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
