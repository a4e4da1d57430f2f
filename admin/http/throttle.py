"""Throttle against the guessing of passwords: limits the tries per name and address, and per address."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

WINDOW_MS = 300_000  # tries within this time count
MAX_PER_NAME = 5
MAX_PER_ADDRESS = 30
MAX_KEYS = 10_000  # names and addresses in memory before those whose window has passed are removed
MAX_NAME_CHARS = 100


class Throttle:
    """Counts tries, by default of logins, and forgets those older than `window`. Times in milliseconds."""

    def __init__(self, clock: Callable[[], int], window: int = WINDOW_MS) -> None:
        self._clock = clock
        self._window = window
        self._tries: dict[tuple[str, ...], deque[int]] = defaultdict(deque)

    def admit(self, name: str, address: str, per_name: int = MAX_PER_NAME, per_address: int = MAX_PER_ADDRESS) -> int:
        """Return the seconds to wait; 0 admits the try, and counts it at once so that parallel guesses gain nothing."""
        keys = self._keys(name, address)
        seconds = max(self._wait(key, maximum) for key, maximum in zip(keys, (per_name, per_address), strict=True))
        if not seconds:
            for key in keys:
                self._tries[key].append(self._clock())
            self._tidy()
        return seconds

    def succeeded(self, name: str, address: str) -> None:
        """Forget a try that succeeded, and the earlier tries for its name."""
        by_name, by_address = self._keys(name, address)
        self._tries.pop(by_name, None)
        if self._tries.get(by_address):
            self._tries[by_address].pop()

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (address, name[:MAX_NAME_CHARS]), (address,)

    def _wait(self, key: tuple[str, ...], maximum: int) -> int:
        tries = self._tries.get(key)
        while tries and tries[0] <= self._clock() - self._window:
            tries.popleft()
        if not tries:
            self._tries.pop(key, None)
            return 0
        return -(-(tries[0] + self._window - self._clock()) // 1000) if len(tries) >= maximum else 0

    def _tidy(self) -> None:
        if len(self._tries) > MAX_KEYS:
            begins = self._clock() - self._window
            for key in [key for key, tries in self._tries.items() if not tries or tries[-1] <= begins]:
                del self._tries[key]
