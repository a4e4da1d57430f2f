"""What a delivery becomes by an answer, or by the want of one."""

from __future__ import annotations

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Reply, Verdict
from engine.delivery.status import Status
from engine.delivery.types import Settlement, Signal
from engine.errors import words_of
from engine.sending.attempts import AttemptRecorder, code_of
from engine.sending.prepare import Prepared
from engine.sending.retry import try_again


class Outcome(Struct, frozen=True):
    """How a delivery ended, and what that says of the channel."""

    settlement: Settlement
    signal: Signal = Signal.NOTHING
    reason: str = ""
    retry_after: float | None = None


LOOK_SOON = 5_000  # Milliseconds until it is looked for what was accepted without showing its id


class OutcomeBuilder:
    """The ways in which one delivery can end, with the attempts of its exchange on record."""

    def __init__(
        self, prepared: Prepared, exchange: AttemptRecorder, clock: Callable[[], int], rng: random.Random, probe: bool
    ) -> None:
        self._prepared = prepared
        self._delivery = prepared.delivery
        self._spec = prepared.spec
        self._exchange = exchange
        self._clock = clock
        self._rng = rng
        self._probe = probe
        # The reference and the version that the upstream holds, as soon as that is known.
        self._arrived: tuple[str | None, int] | None = None

    def sent(self, reference: str | None, content: int, reply: Reply | None) -> Outcome:
        """`content` is what the upstream now holds; see Claimed.content."""
        version = abs(content)
        self._arrived = reference, version
        first_step, updates = self._prepared.first_step, self._spec.update is not None
        if first_step or (updates and content != self._delivery.content):
            return self._update_next(reference, None if first_step else version, reply)
        settlement = self._settlement(
            Status.SENT,
            reply,
            reference=reference,
            sent_version=version,
            requeue_if_changed=updates or self._spec.endpoint is None,
            undone=self._prepared.undoes,
        )
        return Outcome(settlement, Signal.GOOD)

    def _update_next(self, reference: str | None, version: int | None, reply: Reply | None) -> Outcome:
        settlement = self._settlement(
            Status.QUEUED,
            reply,
            reference=reference,
            due_at=self._clock(),
            tries=0,
            sent_version=version,
            body_served=self._prepared.first_step,
        )
        return Outcome(settlement, Signal.GOOD)

    def accepted_unseen(self, reply: Reply) -> Outcome:
        """It is there, and only a search can say under which id."""
        settlement = self._settlement(
            Status.UNSURE,
            reply,
            problem=_NO_ID,
            in_doubt=True,
            due_at=self._clock() + LOOK_SOON,
            sent_version=self._delivery.version,
        )
        return Outcome(settlement, Signal.GOOD)

    def again(self, reply: Reply, *, doubtful: bool, repeated: bool = False) -> Outcome:
        """Not settled: the schedule, the channel's recovery or a person brings it on.

        `repeated`: it may have arrived, and is sent again without looking because that does no harm.
        """
        if reply.verdict is Verdict.UNAUTHORIZED:
            # a probe steps back, so that the next one is another's: the account may be granted one service and not all
            due_at = self._clock() if self._probe else self._delivery.changed_at
            settlement = self._settlement(Status.QUEUED, reply, in_doubt=doubtful or repeated, due_at=due_at)
            return Outcome(settlement, Signal.REFUSED, reply.message)
        if reply.verdict in (Verdict.REJECTED, Verdict.DUPLICATE):
            return self.failed(reply.message, Signal.GOOD, reply, in_doubt=doubtful)
        if doubtful and self._spec.find is None:
            parked = self.parked(reply.message or _NO_ANSWER, reply)
            return replace(parked, signal=Signal.DOWN, reason=reply.message or _NO_ANSWER)
        throttled = reply.retry_after is not None or reply.status == HTTPStatus.TOO_MANY_REQUESTS
        signal = Signal.THROTTLED if throttled else Signal.DOWN
        later = self._later(reply, doubtful=doubtful, repeated=repeated)
        return Outcome(later, signal, reply.message, reply.retry_after)

    def look_again(self) -> Outcome:
        """What was accepted is not found yet."""
        return Outcome(self._later(None, doubtful=True, problem=_NOT_YET_FOUND), Signal.GOOD)

    def parked(self, problem: str, reply: Reply | None = None) -> Outcome:
        """A person decides."""
        return Outcome(self._settlement(Status.UNSURE, reply, problem=problem, in_doubt=True))

    def failed(
        self, problem: str, signal: Signal = Signal.NOTHING, reply: Reply | None = None, in_doubt: bool = False
    ) -> Outcome:
        """Nothing more happens by itself."""
        return Outcome(self._settlement(Status.FAILED, reply, problem=problem, in_doubt=in_doubt), signal)

    def broken(self, error: Exception) -> Outcome:
        """A poisonous record fails alone; what of it may have left is in doubt, what has arrived is kept."""
        problem = words_of(error)
        if self._arrived is None:
            doubtful = self._prepared.operation == "create" and self._prepared.call is not None
            return self.failed(problem, in_doubt=doubtful)
        reference, version = self._arrived
        return Outcome(
            self._settlement(Status.FAILED, None, problem=problem, reference=reference, sent_version=version)
        )

    def _later(
        self, reply: Reply | None, *, doubtful: bool, repeated: bool = False, problem: str | None = None
    ) -> Settlement:
        decision = try_again(
            self._spec.retry,
            doubtful=doubtful,
            tries=self._delivery.tries,
            now=self._clock(),
            retry_after=reply.retry_after if reply else None,
            probe=self._probe,
            rng=self._rng,
        )
        return self._settlement(
            decision.status,
            reply,
            problem=problem,
            in_doubt=doubtful or repeated,
            due_at=decision.due_at,
            tries=decision.tries,
        )

    def _settlement(
        self,
        status: Status,
        reply: Reply | None,
        *,
        problem: str | None = None,
        reference: str | None = None,
        tries: int | None = None,
        **more: Any,
    ) -> Settlement:
        """`more` are fields of Settlement."""
        good = status is Status.SENT or (reference is not None and status is not Status.FAILED)
        return Settlement(
            self._delivery,
            status,
            tries=self._delivery.tries if tries is None else tries,
            tried=self._exchange.tried,
            reference=reference,
            http_status=reply.status if reply else None,
            code=code_of(reply) if reply else None,
            problem=None if good else problem or (reply.message if reply else None),
            attempts=tuple(self._exchange.attempts),
            codes=self._prepared.codes,
            corrections=tuple(each.name for each in self._spec.corrections),
            **more,
        )


_NO_ID = "Diterima, tetapi nomornya tidak terbaca; dicari di sistem tujuan."
_NOT_YET_FOUND = "Diterima, tetapi belum ditemukan di sistem tujuan."
_NO_ANSWER = "Tidak ada jawaban; mungkin sudah sampai."
