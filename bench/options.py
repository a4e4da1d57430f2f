"""The amount of work to measure, and the services to measure on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The size of a run; rows of a service that is absent are left out.

    `years` is the number of deliveries of a clinic after years: 0 stands for ten million in a large run, else 100,000.
    """

    quick: bool = False
    large: bool = False
    years: int = 0
    postgresql: str = os.environ.get("ANTAR_TEST_DATABASE_URL", "")
    brokers: tuple[str, ...] = tuple(url for url in os.environ.get("ANTAR_TEST_BROKER_URL", "").split(",") if url)

    @property
    def count(self) -> int:
        """Deliveries of a round."""
        return 20_000 if self.large else 4_000 if self.quick else 8_000

    @property
    def many(self) -> int:
        """Deliveries of a clinic after years."""
        return self.years or (10_000_000 if self.large else 100_000)

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 5

    @property
    def redis(self) -> str:
        """The address of Redis, if it is available."""
        return next((url for url in self.brokers if url.startswith("redis")), "")

    def databases(self, folder: str) -> dict[str, str]:
        """Return name -> address; SQLite is a new file in the folder."""
        databases = {"SQLite": f"sqlite:///{Path(folder) / 'bench.sqlite3'}"}
        return databases | ({"PostgreSQL": self.postgresql} if self.postgresql else {})
