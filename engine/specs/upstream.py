"""Upstream as the configuration declares it: address, limits, retry, breaker, retention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.base import Profile
from engine.specs.remedies import Remedies


@dataclass(frozen=True, slots=True)
class Retry:
    """When an unavailable delivery is tried again; seconds."""

    attempts: int = 8
    first: float = 30.0
    factor: float = 2.0
    cap: float = 3600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days the tries of what is settled are kept: their bodies, and that they were made at all."""

    bodies: int = 90
    attempts: int = 1825


@dataclass(frozen=True, slots=True)
class Breaker:
    """When an upstream of one facility counts as down, and how long until the next probe; seconds."""

    failures: int = 10
    pause: float = 30.0


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """An upstream as the YAML says it."""

    name: str
    label: str
    adapter: str
    profile: Profile
    concurrency: int = 8  # requests in flight per facility
    rate: float | None = None  # requests per second and facility; None: unlimited
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    retention: Retention = Retention()
    # Names of what a facility must enter, with their labels.
    credentials: Mapping[str, str] = field(default_factory=dict)
    # The heading under which the panel shows it together with others; empty: it stands alone.
    area: str = ""
    # Status -> label on the panel, where it differs from the panel's own.
    statuses: Mapping[str, str] = field(default_factory=dict)
    remedies: Remedies = field(default_factory=Remedies)
