"""Contract between the engine and external systems: Call, Reply, Verdict, Upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from adapters.messages import Bilingual
from adapters.outcome_rules import Extract, OutcomeRule

# Most bytes of an answer that are read: room for an echo of the largest accepted record (1 MiB). A longer answer is cut
# and judged unsure.
MAX_BODY_BYTES = 6 * 1024 * 1024
# Bytes that an answer may have in addition to an echo of its request: many answers at once must not fill the memory.
ECHO_ROOM_BYTES = 1024 * 1024
CUT_KEPT_BYTES = 64 * 1024  # kept of an answer that was cut: enough to recognise the answer


class Verdict(StrEnum):
    """Meaning of an answer, or of a missing answer, for the delivery."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # the data has to be corrected
    UNAVAILABLE = "unavailable"  # nothing was stored: try again
    UNAUTHORIZED = "unauthorized"  # the account is refused: stop the facility's queue
    DUPLICATE = "duplicate"  # the record exists there already: adopt its id
    UNSURE = "unsure"  # the request may have arrived: look before sending again


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds: to connect, and for the exchange from the first byte sent to the last byte received."""

    connect: float = 10.0
    total: float = 30.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of an upstream from the YAML, as its adapter needs them."""

    name: str
    base_path: str = ""
    content_type: str = "application/json"
    timeouts: Timeouts = Timeouts()
    outcomes: tuple[OutcomeRule, ...] = ()
    code: Extract | None = None
    message: Extract | None = None
    place: Extract | None = None
    # Settings of one kind of adapter, e.g. the token path; the adapter checks them.
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """Access of a facility to an upstream: address and credentials."""

    facility_id: int
    base_url: str  # scheme, host and port from the environment profile; never from a spec or a record
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = 0  # version of the credentials from which the account was read; 0: none


class Call(Struct, frozen=True):
    """A request to an upstream: path and query below the upstream's base, body already serialised."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None  # None: the profile's
    # The entry's own outcome rules; they take precedence over the upstream's.
    outcomes: tuple[OutcomeRule, ...] = ()
    harmless_twice: bool = False  # declared by the entry: sending the call twice has the same effect as once
    base_path: str | None = None  # instead of the profile's
    repeated: bool = False  # an earlier try of the same call may have arrived

    @property
    def answer_limit(self) -> int:
        """Most bytes of the answer that are read; the answer may echo the request, indented over many lines."""
        return MAX_BODY_BYTES if self.body is None else min(MAX_BODY_BYTES, ECHO_ROOM_BYTES + 4 * len(self.body))

    @property
    def repeatable(self) -> bool:
        """Return whether sending the call twice has the same effect as once (RFC 9110, 9.2.2)."""
        return self.harmless_twice or self.method in {"GET", "HEAD", "PUT", "DELETE"}


class Reply(Struct, frozen=True):
    """A judged answer. Without a status there was no answer, and `message` says why."""

    verdict: Verdict
    status: int | None = None
    # The business or rule code inside the body, e.g. "10457".
    code: str | None = None
    message: str = ""
    # Path in the sent content that the answer refers to, e.g. "period.start".
    place: str | None = None
    body: bytes = b""  # as received; the first CUT_KEPT_BYTES of an answer that was longer than its limit
    content: Any = None  # the body as JSON, None if it is no JSON
    media: str = ""
    sent: bool = True  # False: certainly no byte of the request reached the upstream
    retry_after: float | None = None  # seconds that the upstream asks us to wait
    seconds: float = 0.0
    # The answer that refused the credential, if this reply is to the repetition with a new credential.
    earlier: Reply | None = None
    may_have_arrived: bool = False  # judged unavailable instead of unsure because a repetition is harmless
    look: bool = False  # a rejection that counts only if the upstream does not have the record
    pauses_path: bool = False  # nothing was stored because the path is refused, whatever is sent to it
    foreign: bool = False  # a rejection because the record is another organization's
    headers: str = ""  # of the answer, those that are kept; see adapters.kept_headers

    def __repr__(self) -> str:
        """Leave out the answer: it contains patient data."""
        return f"Reply({self.verdict.value}, status={self.status}, code={self.code!r}, sent={self.sent})"


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault that the pre-flight check found, with its JSON path, e.g. $.period.start."""

    path: str
    message: str
    # JSON Schema's name of the violated rule, and its value (`limit`), for a message in another language.
    rule: str = ""
    limit: str = ""
    both: Bilingual | None = None  # the message in both languages, where it is declared


@dataclass(frozen=True, slots=True)
class Probe:
    """Result of a connection test."""

    ok: bool
    message: str
    seconds: float
    clock_skew: float | None = None  # seconds by which the upstream's clock is ahead of ours


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A bearer token, shared by all processes. Times are epoch seconds."""

    value: str = field(default="", repr=False)
    expires_at: float = 0.0
    # Time at which the upstream last refused the present credentials; 0: never.
    refused_at: float = 0.0
    refusal: str = ""  # the upstream's message


@dataclass(frozen=True, slots=True)
class Agent:
    """The clinic's officer who verifies a patient's identity."""

    name: str = field(repr=False)
    nik: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """Address of a page that verifies a patient's identity, for whoever has it; empty: `problem` says why."""

    url: str = field(default="", repr=False)
    problem: str = ""


@runtime_checkable
class IdentityCheck(Protocol):
    """An upstream that verifies the identity of patients on a page of its own."""

    async def identity_link(self, account: Account, agent: Agent, environment: str) -> IdentityLink:
        """Return a new link; `environment` is the profile of the installation, whose key is used."""
        ...


@runtime_checkable
class IdentifiedRequests(Protocol):
    """An upstream whose requests carry headers with credentials, or made from them."""

    def secret_headers(self) -> Sequence[str]:
        """Return the names of these headers; their values are stored nowhere."""
        ...


class TokenStore(Protocol):
    """Storage of tokens, so that all processes use the same one; the engine keeps them in the database."""

    async def load(self, account: Account, upstream: str) -> StoredToken: ...

    async def lease(self, account: Account, upstream: str, seconds: float) -> bool:
        """Lease the right to request a new token; False while another process has the lease."""
        ...

    async def save(self, account: Account, upstream: str, token: StoredToken) -> None:
        """Store the token (or the refusal) and end the lease, unless other credentials were entered meanwhile."""
        ...


class Upstream(Protocol):
    """A system to which Antar delivers. `send` never raises for a failure of the network or the upstream."""

    async def send(self, call: Call, account: Account) -> Reply: ...

    def check(self, payload: Any) -> Sequence[Problem]:
        """Return faults that the upstream is known to refuse, before anything is sent."""
        ...

    async def probe(self, account: Account) -> Probe: ...

    async def close(self) -> None: ...
