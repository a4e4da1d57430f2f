"""Types that go into the outbox and come out of it: new records, claimed deliveries, attempts, settlements.

They are msgspec Structs because several are made for each delivery: a frozen dataclass of twenty fields takes ten times
as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from engine.delivery.status import Lane, Status


class Signal(StrEnum):
    """Meaning of an outcome for the channel: it works, is down, refuses the account, or asks for a pause."""

    NOTHING = "nothing"
    GOOD = "good"
    DOWN = "down"
    REFUSED = "refused"
    THROTTLED = "throttled"


class Added(StrEnum):
    """The result of storing a submitted record."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class NewRecord(Struct, frozen=True):
    """A submitted record that has been checked."""

    key: str
    date: str
    record: str
    record_hash: str
    lane: Lane = Lane.TODAY
    patient_norm: str | None = None
    patient_name: str | None = None
    sequence: str | None = None
    withdrawn: bool = False  # the record says that it was handed in by mistake
    api_key_id: int | None = None  # of the key by which it was handed in; None: in another way


class Channel(Struct, frozen=True):
    """One facility's queue to one upstream."""

    upstream: str
    facility_id: int


MAX_DEATHS = 3  # of workers while they held a delivery, after which it fails as their likely cause
MARGIN_MS = 5_000  # that a lease must still last for a request to begin


@dataclass(slots=True)
class Lease:
    """A worker's lease of a batch; the heartbeat extends `until`, `outstanding` counts what is not settled."""

    id: int
    until: int
    outstanding: int
    begun: bool = False

    def lasts(self, now: int) -> bool:
        """Return whether a request may still begin under this lease."""
        return self.until > now + MARGIN_MS


class ClaimedDelivery(Struct, frozen=True):
    """A delivery that a worker has claimed, as it was at that time."""

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
    replaced: str | None = None  # the values (JSON) that a withdrawal by a person replaced in the record

    @property
    def content(self) -> int:
        """Return the version, negative if the body was written by a person.

        So the rendered payload and a person's body of the same version can be told apart.
        """
        return self.version if self.body is None else -self.version


class NewAttempt(Struct, frozen=True):
    """One attempt as it is stored; see engine.database.tables.Attempt."""

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
    # Path of the fault in the request, as the answer names it; stored in the delivery's cause, not in the attempt.
    place: str | None = None
    headers: str | None = None  # of the answer, those that are kept


class Settlement(Struct, frozen=True):
    """The result of a claimed delivery, as the outbox writes it."""

    delivery: ClaimedDelivery
    status: Status
    due_at: int | None = None
    tries: int = 0
    tried: bool = False  # a create or update of the claimed version may have left
    reference: str | None = None  # the upstream's id, if it has just become known
    body_served: bool = False  # the body that a person wrote was for this step alone: it is removed
    sent_version: int | None = None  # the version that the upstream now holds
    in_doubt: bool = False  # a create may have arrived: search for it before another is sent
    requeue_if_changed: bool = True  # a version that came in meanwhile is due at once
    http_status: int | None = None
    code: str | None = None
    problem: str | None = None
    waits: tuple[Awaited, ...] = ()
    undone: tuple[tuple[str, str], ...] = ()  # (spec, key) of the records that the upstream removed because of it
    # (type of the item, key, code) of the mapped items that it was sent with, or for which it waits for another code.
    codes: tuple[tuple[str, str, str], ...] = ()
    value_rules: tuple[int, ...] = ()  # ids of the rules that replaced values in its record
    corrections: tuple[str, ...] = ()  # names of the corrections that its entry declares
    attempts: tuple[NewAttempt, ...] = ()
    foreign: bool = False  # set aside, because the upstream has the record under another organization
    upstream: str | None = None  # the upstream of its type now, if it was claimed for another one


def given_back(delivery: ClaimedDelivery, attempts: tuple[NewAttempt, ...] = ()) -> Settlement:
    """Return a settlement that restores the delivery as it was before the claim, with its old place in the queue."""
    return Settlement(
        delivery,
        delivery.claimed_from,
        due_at=delivery.changed_at,
        tries=delivery.tries,
        in_doubt=delivery.in_doubt,
        attempts=attempts,
    )


class Awaited(Struct, frozen=True):
    """A record whose reference is missing; any of the types will satisfy the need."""

    specs: tuple[str, ...]
    key: str
