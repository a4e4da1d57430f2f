"""One request and its answer, each put on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from adapters.base import MAX_BODY_BYTES, Account, Call, Reply, Upstream, Verdict
from engine.delivery.types import AttemptRow

CODE_LENGTH = 60


class AttemptRecorder:
    """What one delivery says to its upstream; `attempts` grows with every answer."""

    def __init__(
        self,
        upstream: Upstream,
        account: Account,
        spec_hash: str,
        clock: Callable[[], int],
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        self._upstream = upstream
        self._account = account
        self._spec_hash = spec_hash
        self._clock = clock
        self._turn = turn
        self.attempts: list[AttemptRow] = []

    @property
    def tried(self) -> bool:
        """Something that creates or changes may have left."""
        return any(attempt.operation in ("create", "update") for attempt in self.attempts)

    async def ask(self, call: Call, operation: str) -> Reply:
        """The judged answer; `operation` is find, create or update."""
        without_turn = await self._wait() if self.attempts else None
        at = self._clock()
        reply = without_turn or await self._send(call)
        if reply.earlier is not None:
            self.attempts.append(self._row(at, call, operation, reply.earlier))
        self.attempts.append(self._row(at, call, operation, reply))
        return reply

    async def _wait(self) -> Reply | None:
        """None when the turn has come; else why nobody can tell when it comes."""
        try:
            await self._turn()
        except (SQLAlchemyError, OSError) as error:
            return _unsent(error)
        return None

    async def _send(self, call: Call) -> Reply:
        try:
            return await self._upstream.send(call, self._account)
        except SQLAlchemyError as error:  # the tokens are in the database: without one nothing has left
            return _unsent(error)

    def _row(self, at: int, call: Call, operation: str, reply: Reply) -> AttemptRow:
        query = "&".join(f"{name}={value}" for name, value in call.query)
        return AttemptRow(
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
        )


def _unsent(error: Exception) -> Reply:
    return Reply(Verdict.UNAVAILABLE, message=_NO_DATABASE.format(type(error).__name__), sent=False)


def code_of(reply: Reply) -> str | None:
    """The answer's code as far as its column has room."""
    return reply.code[:CODE_LENGTH] if reply.code else None


_NO_DATABASE = "Basis data tidak terjangkau sebelum dikirim ({})."
