"""Upstream as the configuration declares it: address, limits, retry, breaker, retention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.base import Profile
from engine.specs.remedies import Remedies
from engine.specs.text import Text


@dataclass(frozen=True, slots=True)
class Retry:
    """Schedule of retries after an unavailable upstream; times in seconds."""

    attempts: int = 8
    first: float = 30.0
    factor: float = 2.0
    cap: float = 3600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which the attempts of settled deliveries are kept: their bodies, and the attempts themselves."""

    bodies: int = 90
    attempts: int = 1825


@dataclass(frozen=True, slots=True)
class Breaker:
    """Failures after which an upstream counts as down for a facility, and seconds until the next probe."""

    failures: int = 10
    pause: float = 30.0


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """An upstream as the YAML declares it."""

    name: str
    label: Text
    adapter: str
    profile: Profile
    concurrency: int  # requests in flight per facility
    rate: float | None  # requests per second and facility; None: unlimited
    retry: Retry
    breaker: Breaker
    retention: Retention
    # Names of the credentials that a facility must enter, with their labels.
    credentials: Mapping[str, Text]
    # Heading under which the panel groups the upstream with others; None: its own.
    area: Text | None
    # Status -> label on the panel, if it differs from the standard label.
    statuses: Mapping[str, Text]
    remedies: Remedies = field(default_factory=Remedies)

    @property
    def verifies_identity(self) -> bool:
        """Return whether it has a page on which the identity of a patient is verified."""
        return "identity_check" in self.profile.settings
