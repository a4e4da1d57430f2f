"""Bounds the memory of request bodies: no clinic's key can take what the others need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from admin.http.api_errors import ApiError

MAX_CLINIC_BYTES = 32 * 1024 * 1024
MAX_PROCESS_BYTES = 64 * 1024 * 1024
"""Decoded and on its way to the database a body takes up to ten times its bytes."""


class BodyBudget:
    """Counts the bytes of the bodies that are being read or stored in this process."""

    def __init__(self) -> None:
        self._bytes: Counter[int] = Counter()

    @contextmanager
    def reserve(self, facility_id: int) -> Iterator[Callable[[int], None]]:
        """Yield what adds bytes to a body of the clinic; it raises ApiError (503) where there is no room for them."""
        held = 0

        def add(count: int) -> None:
            nonlocal held
            if self._bytes[facility_id] + count > MAX_CLINIC_BYTES or self._bytes.total() + count > MAX_PROCESS_BYTES:
                raise ApiError(503, "busy", "other large requests are being stored; nothing was stored, try again")
            held += count
            self._bytes[facility_id] += count

        try:
            yield add
        finally:
            self._bytes[facility_id] -= held
            if not self._bytes[facility_id]:
                del self._bytes[facility_id]
