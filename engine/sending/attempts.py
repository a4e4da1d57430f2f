"""Records each request of a delivery and the upstream's answer as an attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from adapters.base import MAX_BODY_BYTES, Account, Call, Reply, Upstream, Verdict
from adapters.messages import message
from engine.delivery.types import NewAttempt

CODE_LENGTH = 60  # characters; the column holds no more


class AttemptRecorder:
    """Sends the requests of one delivery; `attempts` grows with every answer.

    Every request but the first awaits `wait_for_rate` first; the caller has waited for the first one already.
    """

    def __init__(
        self,
        upstream: Upstream,
        account: Account,
        spec_hash: str,
        clock: Callable[[], int],
        wait_for_rate: Callable[[], Awaitable[None]],
    ) -> None:
        self._upstream = upstream
        self._account = account
        self._spec_hash = spec_hash
        self._clock = clock
        self._wait_for_rate = wait_for_rate
        self.attempts: list[NewAttempt] = []
        self.tried = False  # a create or an update may have left

    async def ask(self, call: Call, operation: str) -> Reply:
        """Send a request and return the judged answer; `operation` is find, create or update."""
        reply = await self._wait() if self.attempts else None
        at = self._clock()
        if reply is None:
            try:
                reply = await self._upstream.send(call, self._account)
            except SQLAlchemyError as error:  # the tokens are in the database: without a token nothing was sent
                reply = _unsent(error)
        if reply.earlier is not None:
            self.attempts.append(self._row(at, call, operation, reply.earlier))
        self.attempts.append(self._row(at, call, operation, reply))
        self.tried = self.tried or operation in ("create", "update")
        return reply

    async def _wait(self) -> Reply | None:
        """Wait for the rate limiter; return a Reply if the database, which holds its state, is not reachable."""
        try:
            await self._wait_for_rate()
        except (SQLAlchemyError, OSError) as error:
            return _unsent(error)
        return None

    def _row(self, at: int, call: Call, operation: str, reply: Reply) -> NewAttempt:
        query = "&".join([f"{name}={value}" for name, value in call.query]) if call.query else ""
        return NewAttempt(
            at=at,
            milliseconds=int(reply.seconds * 1000),
            operation=operation,
            spec_hash=self._spec_hash,
            verdict=reply.verdict,
            message=reply.message,
            method=call.method,
            path=f"{call.path}?{query}" if query else call.path,
            request=call.body,
            http_status=reply.status,
            code=code_of(reply),
            response=reply.body[:MAX_BODY_BYTES] or None,
            place=reply.place,
            headers=reply.headers or None,
        )


def _unsent(error: Exception) -> Reply:
    return Reply(Verdict.UNAVAILABLE, message=message("send.no_database", error=type(error).__name__), sent=False)


def code_of(reply: Reply) -> str | None:
    """Return the answer's code, cut to the length of its column."""
    return reply.code[:CODE_LENGTH] if reply.code else None
