"""The contract between the engine and the systems outside: Call, Reply, Verdict, Upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from adapters.outcome_rules import Extract, OutcomeRule

# Bytes of an answer that are read at most, room for the echo of the largest record that is taken (1 MiB). What is
# longer is cut and judged unsure.
MAX_BODY_BYTES = 6 * 1024 * 1024
# Bytes that the answer to what was sent may have besides its echo: many at once must not fill the memory.
ECHO_ROOM_BYTES = 1024 * 1024
CUT_KEPT_BYTES = 64 * 1024  # bytes that are kept of an answer that was cut: enough to see what it was


class Verdict(StrEnum):
    """What one answer (or its absence) means for the delivery."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # mend the data
    UNAVAILABLE = "unavailable"  # try again, nothing was stored
    UNAUTHORIZED = "unauthorized"  # the account is refused: stop the facility's queue
    DUPLICATE = "duplicate"  # it is there already: adopt its id
    UNSURE = "unsure"  # it may have arrived: look before sending again


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, and for the whole exchange from the first byte out to the last byte in."""

    connect: float = 10.0
    total: float = 30.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What the YAML says of an upstream as a whole, as its adapter needs it."""

    name: str
    base_path: str = ""
    content_type: str = "application/json"
    timeouts: Timeouts = Timeouts()
    outcomes: tuple[OutcomeRule, ...] = ()
    code: Extract | None = None
    message: Extract | None = None
    place: Extract | None = None
    # The adapter's own settings, e.g. the token path; the adapter checks them.
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """One facility's access to one upstream: where, and as whom."""

    facility_id: int
    base_url: str  # scheme, host and port from the environment profile; never from a spec or a record
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = 0  # which entry of the credentials it was read from; 0: none


class Call(Struct, frozen=True):
    """One request to be made: path and query below the upstream's base, body already serialised."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None  # none: the profile's
    # The entry's own outcome rules; they are asked before the upstream's.
    outcomes: tuple[OutcomeRule, ...] = ()
    harmless_twice: bool = False  # the entry says that sending it twice leaves the upstream as sending it once
    base_path: str | None = None  # another than the profile's
    repeated: bool = False  # an earlier one of it may have arrived

    @property
    def answer_limit(self) -> int:
        """Bytes of the answer that are read: what was sent comes back as an echo, spread over lines at worst."""
        return MAX_BODY_BYTES if self.body is None else min(MAX_BODY_BYTES, ECHO_ROOM_BYTES + 4 * len(self.body))

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice leaves the upstream as sending it once (RFC 9110, 9.2.2)."""
        return self.harmless_twice or self.method in {"GET", "HEAD", "PUT", "DELETE"}


class Reply(Struct, frozen=True):
    """One judged answer. Without a status there was none, and `message` says why."""

    verdict: Verdict
    status: int | None = None
    # The business or rule code inside the body, e.g. "10457".
    code: str | None = None
    message: str = ""
    # The path into what was sent that the answer complains of, e.g. "period.start".
    place: str | None = None
    body: bytes = b""  # as received; of what was longer than the answer limit the first CUT_KEPT_BYTES
    content: Any = None  # the body as JSON, None where it is not JSON
    media: str = ""
    sent: bool = True  # false: surely no byte of the request reached the upstream
    retry_after: float | None = None  # seconds the upstream asked us to wait
    seconds: float = 0.0
    # The answer that refused the credential, where this is the one to the repeat with a new one.
    earlier: Reply | None = None
    may_have_arrived: bool = False  # unavailable only because a repeat does no harm; else it would be unsure
    look: bool = False  # A rejection that counts only if the record is not there

    def __repr__(self) -> str:
        """Without what was answered: it holds patient data."""
        return f"Reply({self.verdict.value}, status={self.status}, code={self.code!r}, sent={self.sent})"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault that the pre-flight check found, with its JSON path, e.g. $.period.start."""

    path: str
    message: str
    # What was broken, as JSON Schema calls it, for whoever says it in other words; `limit` is what it asks for.
    rule: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a connection test saw."""

    ok: bool
    message: str
    seconds: float
    clock_skew: float | None = None  # seconds that the upstream's clock is ahead of ours


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A bearer token as it is shared by all processes. Times are epoch seconds."""

    value: str = field(default="", repr=False)
    expires_at: float = 0.0
    # When the upstream last refused our credentials; 0 if it did not since they were set.
    refused_at: float = 0.0
    refusal: str = ""  # the upstream's words for it


class TokenStore(Protocol):
    """Where tokens live so that every process uses the same one; the engine keeps it in the database."""

    async def load(self, account: Account, upstream: str) -> StoredToken: ...

    async def lease(self, account: Account, upstream: str, seconds: float) -> bool:
        """Become the one that asks for a new token; False while somebody else is."""
        ...

    async def save(self, account: Account, upstream: str, token: StoredToken) -> None:
        """Keep the token (or the refusal) and end the lease; not if other credentials were entered meanwhile."""
        ...


class Upstream(Protocol):
    """A system we deliver to. `send` never raises for what the network or the upstream does."""

    async def send(self, call: Call, account: Account) -> Reply: ...

    def check(self, payload: Any) -> Sequence[Problem]:
        """Faults that the upstream is known to refuse, found before anything is sent."""
        ...

    async def probe(self, account: Account) -> Probe: ...

    async def close(self) -> None: ...
