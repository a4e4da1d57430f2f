"""Connections of the web server: deadlines for what clients send and read, and a bound on their number.

uvicorn starts a request as soon as its head is complete and waits for the rest without end; neither it nor its
settings know a timeout for a head or a body (https://github.com/Kludex/uvicorn/issues/157).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

HEAD_SECONDS = 10.0  # for the head of a request, from its first byte or from the beginning of the connection
MAX_HEAD_BYTES = 64 * 1024
# A body, or the reading of an answer, must advance by this much in each window: 500 bytes a second, a poor mobile line.
WINDOW_SECONDS = 20.0
MIN_WINDOW_BYTES = 10_000
BODY_SECONDS = 600.0  # for a whole body
MAX_CONNECTIONS = 1_000
RESERVED_DESCRIPTORS = 128  # for database, upstreams, log and files; connections get the rest of the process's limit
MIN_CONNECTIONS = 32
FREED_CONNECTIONS = 32  # closed at once when descriptors have run out
LOG_PAUSE_SECONDS = 60.0
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)

log = structlog.get_logger(__name__)


class GuardedConnection(HttpToolsProtocol):
    """One connection, with the part of a request that it is waiting for."""

    def __init__(self, guard: ConnectionGuard, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._guard = guard
        self.receiving: Literal["head", "body"] | None = "head"
        self.since = self._window_began = guard.clock()
        self._head_bytes = self._body_bytes = self._window_bytes = 0
        self._unread_bytes: int | None = None

    @property
    def answering(self) -> bool:
        """True while a request has begun and its answer is not complete."""
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._guard.make_room(self, self.connections)

    def data_received(self, data: bytes) -> None:
        if self.receiving is None and not self.answering:
            self._expect("head")
        was_head = self.receiving == "head"
        if not was_head:
            self._body_bytes += len(data)
        super().data_received(data)
        if was_head and self.receiving == "head":
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.refuse(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.receiving is None:
            self._expect("head")

    def on_headers_complete(self) -> None:
        self._expect("body")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.receiving = None
        self.since = self._guard.clock()
        super().on_message_complete()

    def check_deadlines(self) -> None:
        """Close the connection if its client sends or reads too slowly."""
        now = self._guard.clock()
        if self._reads_too_slowly(now):
            self.transport.abort()
        elif self.transport.is_closing() or self.flow.read_paused:
            self._begin_window(now)
        elif self._sends_too_slowly(now):
            self.refuse(408)

    def refuse(self, status: int) -> None:
        """Close the connection, with an answer if none has begun and some of a request has arrived."""
        if not self.transport.is_closing():
            begun = self.answering and self.cycle.response_started
            if not begun and (self.answering or self._head_bytes):
                self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def _expect(self, part: Literal["head", "body"]) -> None:
        self.receiving, self.since = part, self._guard.clock()
        self._head_bytes = self._body_bytes = 0
        self._begin_window(self.since)

    def _begin_window(self, now: float) -> None:
        self._window_began, self._window_bytes = now, self._body_bytes

    def _sends_too_slowly(self, now: float) -> bool:
        """Return True if the head is late or the body does not advance."""
        if self.receiving != "body":
            return self.receiving == "head" and not self.answering and now - self.since > HEAD_SECONDS
        if now - self.since > BODY_SECONDS:
            return True
        if now - self._window_began < WINDOW_SECONDS:
            return False
        arrived = self._body_bytes - self._window_bytes
        self._begin_window(now)
        return arrived < MIN_WINDOW_BYTES

    def _reads_too_slowly(self, now: float) -> bool:
        """Return True if the client does not read what was written to it."""
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._unread_bytes = None
            return False
        if self._unread_bytes is None or unread > self._unread_bytes:
            self._unread_bytes, self._unread_since = unread, now
        if now - self._unread_since < WINDOW_SECONDS:
            return False
        advance, self._unread_bytes, self._unread_since = self._unread_bytes - unread, unread, now
        return advance < MIN_WINDOW_BYTES


class ConnectionGuard:
    """Checks all connections of a server every second. `clock` returns seconds."""

    def __init__(self, max_connections: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.max_connections = max_connections or connections_for(descriptor_limit())
        self._logged: dict[str, float] = {}

    def protocol(self, *arguments: Any, **keywords: Any) -> GuardedConnection:
        """Return a new connection under this guard, as uvicorn asks for it."""
        return GuardedConnection(self, *arguments, **keywords)

    def make_room(self, newest: GuardedConnection, connections: set[Any]) -> None:
        """If there are too many connections, close one that waits for its client, or else the newest."""
        if len(connections) <= self.max_connections:
            return
        self._log("connections_exhausted", limit=self.max_connections)
        others = [connection for connection in connections if connection is not newest]
        for victim in self._waiting_longest(others, 1) or [newest]:
            victim.transport.abort() if victim is not newest else victim.transport.close()

    def check(self, connections: Iterable[Any]) -> None:
        """Close connections that are too slow; if descriptors have run out, log it and free some."""
        open_connections = list(connections)
        for connection in open_connections:
            connection.check_deadlines()
        if descriptors_have_run_out():
            self._log("descriptors_exhausted", limit=descriptor_limit(), connections=len(open_connections))
            for victim in self._waiting_longest(open_connections, FREED_CONNECTIONS):
                victim.transport.abort()

    def _waiting_longest(self, connections: Iterable[Any], count: int) -> list[Any]:
        """Return connections that owe their client no answer: idle before unfinished ones, oldest first."""
        waiting = [
            connection
            for connection in connections
            if not connection.transport.is_closing() and (connection.receiving or not connection.answering)
        ]
        return sorted(waiting, key=lambda connection: (connection.receiving is not None, connection.since))[:count]

    def _log(self, event: str, **figures: Any) -> None:
        """Log an event once a minute at most, so that a lasting one does not fill the disk."""
        now = self.clock()
        if now - self._logged.get(event, -LOG_PAUSE_SECONDS) >= LOG_PAUSE_SECONDS:
            self._logged[event] = now
            log.warning(event, **figures)


def connections_for(descriptors: int | None) -> int:
    """Return how many connections fit into a process's limit of descriptors; None is no limit."""
    if descriptors is None:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(MIN_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS))


def descriptor_limit() -> int | None:
    """Return how many descriptors this process may open; None if there is no limit or the system does not say."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def descriptors_have_run_out() -> bool:
    """Return True if no more descriptor can be opened."""
    # Tried out here, because the event loop drops connections that it cannot accept without any error.
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in NO_DESCRIPTORS
    return False
