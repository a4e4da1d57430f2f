"""The sandbox's own clock, which can be advanced so that nothing has to wait for an expiry."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate


class Clock:
    """Epoch seconds of `source` plus the advanced time. `skew` changes only the Date header."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._advanced = 0.0
        self.skew = 0.0
        self._date: tuple[int, bytes] = (0, b"")

    def now(self) -> float:
        return self._source() + self._advanced

    def moment(self) -> datetime:
        """Return the current time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def advance(self, seconds: float) -> None:
        self._advanced += seconds

    def reset(self) -> None:
        self._advanced = 0.0
        self.skew = 0.0

    def date_header(self) -> bytes:
        """Return the value of the Date header, skew included; formatted once a second."""
        second = int(self.now() + self.skew)
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]
