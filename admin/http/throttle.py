"""Slows down whoever guesses passwords: tries per name and address, and per address."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

WINDOW = 300_000
"""Milliseconds within which tries count."""
PER_NAME = 5
PER_ADDRESS = 30
MOST_KEYS = 10_000
"""Names and addresses remembered before those whose window has passed are cleared away."""
LONGEST_NAME = 100


class Throttle:
    """Counts tries, of a login unless said otherwise; forgets what is older than `window`. Times in milliseconds."""

    def __init__(self, clock: Callable[[], int], window: int = WINDOW) -> None:
        self._clock = clock
        self._window = window
        self._tries: dict[tuple[str, ...], deque[int]] = defaultdict(deque)

    def admit(self, name: str, address: str, per_name: int = PER_NAME, per_address: int = PER_ADDRESS) -> int:
        """0: go ahead, and the try counts from now on, so that parallel guesses gain nothing. Else seconds to wait."""
        keys = self._keys(name, address)
        seconds = max(self._wait(key, most) for key, most in zip(keys, (per_name, per_address), strict=True))
        if not seconds:
            for key in keys:
                self._tries[key].append(self._clock())
            self._tidy()
        return seconds

    def succeeded(self, name: str, address: str) -> None:
        """The try was no guess: it is taken back, with what was tried for that name before."""
        by_name, by_address = self._keys(name, address)
        self._tries.pop(by_name, None)
        if self._tries.get(by_address):
            self._tries[by_address].pop()

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (address, name[:LONGEST_NAME]), (address,)

    def _wait(self, key: tuple[str, ...], most: int) -> int:
        tries = self._tries.get(key)
        while tries and tries[0] <= self._clock() - self._window:
            tries.popleft()
        if not tries:
            self._tries.pop(key, None)
            return 0
        return -(-(tries[0] + self._window - self._clock()) // 1000) if len(tries) >= most else 0

    def _tidy(self) -> None:
        if len(self._tries) > MOST_KEYS:
            begins = self._clock() - self._window
            for key in [key for key, tries in self._tries.items() if not tries or tries[-1] <= begins]:
                del self._tries[key]
