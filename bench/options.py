"""The amount of work to measure, and the services to measure on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`large` takes ten million rows where the default is one; rows of a service that is absent are left out."""

    quick: bool = False
    large: bool = False
    postgresql: str = os.environ.get("ANTAR_TEST_DATABASE_URL", "")
    brokers: tuple[str, ...] = tuple(url for url in os.environ.get("ANTAR_TEST_BROKER_URL", "").split(",") if url)

    @property
    def count(self) -> int:
        """Deliveries of a round."""
        return 4_000 if self.quick else 20_000

    @property
    def many(self) -> int:
        """Deliveries of a clinic after years."""
        return 10_000_000 if self.large else 100_000 if self.quick else 1_000_000

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
