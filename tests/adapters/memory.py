"""Token store of one process, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable

from adapters.base import Account, StoredToken


class MemoryTokens:
    """Tokens kept for the lifetime of the process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[tuple[int, str], StoredToken] = {}
        self._leases: dict[tuple[int, str], float] = {}

    async def load(self, account: Account, upstream: str) -> StoredToken:
        return self._tokens.get((account.facility_id, upstream), StoredToken())

    async def lease(self, account: Account, upstream: str, seconds: float) -> bool:
        place = (account.facility_id, upstream)
        if self._leases.get(place, 0.0) > self._clock():
            return False
        self._leases[place] = self._clock() + seconds
        return True

    async def save(self, account: Account, upstream: str, token: StoredToken) -> None:
        self._tokens[account.facility_id, upstream] = token
        self._leases.pop((account.facility_id, upstream), None)
