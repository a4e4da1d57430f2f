"""What goes into the outbox and comes out of it.

Structs, as all that is made for each delivery: a frozen dataclass of twenty fields takes ten times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from engine.delivery.status import Lane, Status


class Signal(StrEnum):
    """What a delivery tells about its channel."""

    NOTHING = "nothing"
    GOOD = "good"
    DOWN = "down"
    REFUSED = "refused"
    THROTTLED = "throttled"


class Added(StrEnum):
    """What became of a record that was handed in."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class NewRecord(Struct, frozen=True):
    """A record that passed the door."""

    key: str
    date: str
    record: str
    record_hash: str
    lane: Lane = Lane.TODAY
    patient_norm: str | None = None
    patient_name: str | None = None
    sequence: str | None = None


class Channel(Struct, frozen=True):
    """One facility's queue to one upstream."""

    upstream: str
    facility_id: int


MAX_DEATHS = 3  # Workers that may die with a delivery before it is set aside as their likely cause

MARGIN_MS = 5_000  # Milliseconds a lease must still run for a request to begin


@dataclass(slots=True)
class Lease:
    """A batch held by a worker; `until` is pushed on by the heartbeat, `outstanding` counts what is not settled."""

    id: int
    until: int
    outstanding: int
    begun: bool = False

    def lasts(self, now: int) -> bool:
        """Whether a request may still begin under it."""
        return self.until > now + MARGIN_MS


class ClaimedDelivery(Struct, frozen=True):
    """A delivery in the hands of a worker, as it stood when it was claimed."""

    id: int
    facility_id: int
    spec: str
    upstream: str
    key: str
    date: str
    record: str
    body: str | None
    version: int
    tried_version: int | None
    sent_version: int | None
    reference: str | None
    lane: int
    tries: int
    deaths: int
    trigger: str
    changed_at: int
    sequence: str | None
    claimed_from: Status
    in_doubt: bool
    lease: Lease

    @property
    def content(self) -> int:
        """The version, negative where a person wrote what is sent of it: what was tried or held may be the other."""
        return self.version if self.body is None else -self.version


class AttemptRow(Struct, frozen=True):
    """One try as it goes into the account; see models.Attempt."""

    at: int
    milliseconds: int
    operation: str
    spec_hash: str
    verdict: str
    message: str
    method: str | None = None
    path: str | None = None
    request: bytes | None = None
    http_status: int | None = None
    code: str | None = None
    response: bytes | None = None
    # Where in the request the answer finds fault; goes into the delivery's cause, not into the account.
    place: str | None = None


class Settlement(Struct, frozen=True):
    """What becomes of a claimed delivery."""

    delivery: ClaimedDelivery
    status: Status
    due_at: int | None = None
    tries: int = 0
    tried: bool = False  # A request that creates or changes may have left with the claimed version
    reference: str | None = None  # The upstream's id, where it became known just now
    body_served: bool = False  # What a person wrote was for this step alone
    sent_version: int | None = None  # The version that the upstream now holds
    in_doubt: bool = False  # A create may have arrived: look for it before another is sent
    requeue_if_changed: bool = True  # A version that came in meanwhile is due at once
    http_status: int | None = None
    code: str | None = None
    problem: str | None = None
    waits: tuple[Awaited, ...] = ()
    undone: tuple[tuple[str, str], ...] = ()  # (spec, key) of the records that the upstream has removed by it
    # (type of the item, key, code) of the mapped items that it was sent with, or for which another code is awaited.
    codes: tuple[tuple[str, str, str], ...] = ()
    corrections: tuple[str, ...] = ()  # Names of the corrections that its entry declares
    attempts: tuple[AttemptRow, ...] = ()
    upstream: str | None = None  # Where its type goes now, if that is not where it was claimed for


def given_back(delivery: ClaimedDelivery, attempts: tuple[AttemptRow, ...] = ()) -> Settlement:
    """As it was before it was claimed, with its old place in the queue."""
    return Settlement(
        delivery,
        delivery.claimed_from,
        due_at=delivery.changed_at,
        tries=delivery.tries,
        in_doubt=delivery.in_doubt,
        attempts=attempts,
    )


class Awaited(Struct, frozen=True):
    """A record whose reference is missing; it may be of any of the types."""

    specs: tuple[str, ...]
    key: str
