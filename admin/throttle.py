"""Slows down whoever guesses passwords: failures per name and address, and per address."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

WINDOW = 300_000
"""Milliseconds within which failures count."""
PER_NAME = 5
PER_ADDRESS = 30


class Throttle:
    """Counts failed logins; forgets what is older than WINDOW. `clock` gives milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, ...], deque[int]] = defaultdict(deque)

    def wait(self, name: str, address: str) -> int:
        """Seconds until another try is allowed; 0: now."""
        return max(self._wait((address, name), PER_NAME), self._wait((address,), PER_ADDRESS))

    def failed(self, name: str, address: str) -> None:
        for key in ((address, name), (address,)):
            self._failures[key].append(self._clock())

    def succeeded(self, name: str, address: str) -> None:
        self._failures.pop((address, name), None)

    def _wait(self, key: tuple[str, ...], most: int) -> int:
        failures = self._failures.get(key)
        while failures and failures[0] <= self._clock() - WINDOW:
            failures.popleft()
        if not failures:
            self._failures.pop(key, None)
            return 0
        return -(-(failures[0] + WINDOW - self._clock()) // 1000) if len(failures) >= most else 0
