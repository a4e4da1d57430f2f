"""Bounds the memory that request bodies take, so that one clinic cannot use up the memory of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from admin.http.api_errors import ApiError

# While a body is decoded and stored, it takes up to ten times its bytes.
MAX_CLINIC_BYTES = 32 * 1024 * 1024
MAX_PROCESS_BYTES = 64 * 1024 * 1024


class BodyBudget:
    """Counts the bytes of the bodies that are being read or stored in this process."""

    def __init__(self) -> None:
        self._bytes: Counter[int] = Counter()

    @contextmanager
    def reserve(self, facility_id: int) -> Iterator[Callable[[int], None]]:
        """Yield a function that adds bytes to a body of the clinic, and raises ApiError (503) if there is no room."""
        body_bytes = 0

        def add(count: int) -> None:
            nonlocal body_bytes
            if self._bytes[facility_id] + count > MAX_CLINIC_BYTES or self._bytes.total() + count > MAX_PROCESS_BYTES:
                raise ApiError(503, "busy", "other large requests are being stored; nothing was stored, try again")
            body_bytes += count
            self._bytes[facility_id] += count

        try:
            yield add
        finally:
            self._bytes[facility_id] -= body_bytes
            if not self._bytes[facility_id]:
                del self._bytes[facility_id]
