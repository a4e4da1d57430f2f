"""The independent witness: counts the requests that arrived and the records that were created."""

from __future__ import annotations

from collections import Counter, deque
from hashlib import blake2b
from typing import Any

LOG_LENGTH = 5_000


def fingerprint(body: bytes) -> str:
    """Return a short digest of a body."""
    return blake2b(body, digest_size=8).hexdigest()


class Witness:
    """Counters and a bounded log. The server and the sites report to the witness; it asks nobody."""

    def __init__(self) -> None:
        self.keep_bodies = False
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the requests in progress."""
        self.requests: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.creations: Counter[str] = Counter()
        self.identified: Counter[str] = Counter()
        self.keyed: Counter[str] = Counter()
        self.refused_duplicates: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.bodies: dict[str, set[str]] = {}
        self.in_flight_max = self.in_flight
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def arrive(self, method: str, label: str) -> None:
        self.requests[f"{method} {label}"] += 1
        if method == "POST":
            self.posts[label] += 1
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)

    def read(self, label: str, body: bytes) -> None:
        """Count a POST whose whole body has been read."""
        self.bodies.setdefault(label, set()).add(fingerprint(body))

    def leave(self, line: dict[str, Any], body: bytes) -> None:
        self.in_flight -= 1
        self.statuses[str(line["status"])] += 1
        if self.keep_bodies:
            line["body"] = body.decode(errors="replace")
        self.log.append(line)

    def created(self, kind: str, identifiers: list[str], key: str) -> None:
        """Count a stored record: its identifiers as system|value, and its business key."""
        self.creations[kind] += 1
        self.keyed[f"{kind}|{key}"] += 1
        for identifier in identifiers:
            self.identified[f"{kind}|{identifier}"] += 1

    def duplicates(self) -> dict[str, int]:
        """Return business keys that were created more than once, with their counts."""
        return {key: times for key, times in self.keyed.items() if times > 1}

    def summary(self, *, detail: bool = False) -> dict[str, Any]:
        """Return the figures of /__stats; `detail` adds one number per identifier and business key."""
        doubled = self.duplicates()
        figures: dict[str, Any] = {
            "requests": dict(self.requests),
            "posts": dict(self.posts),
            "token_posts": self.posts["token"],
            "created": dict(self.creations),
            "duplicates_created": sum(times - 1 for times in doubled.values()),
            "duplicate_keys": doubled,
            "duplicates_refused": dict(self.refused_duplicates),
            "distinct_bodies": {label: len(seen) for label, seen in self.bodies.items()},
            "statuses": dict(self.statuses),
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
        }
        if detail:
            figures["by_identifier"] = dict(self.identified)
            figures["by_key"] = dict(self.keyed)
        return figures
