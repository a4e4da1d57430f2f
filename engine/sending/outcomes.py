"""Turns an upstream's reply, or a missing reply, into the delivery's next status."""

from __future__ import annotations

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Reply, Verdict
from adapters.messages import message
from engine.delivery.status import Status
from engine.delivery.types import Settlement, Signal
from engine.errors import words_of
from engine.sending.attempts import AttemptRecorder, code_of
from engine.sending.prepare import Prepared
from engine.sending.retry import try_again


class Outcome(Struct, frozen=True):
    """The result of sending a delivery: its settlement, and what it says about the channel."""

    settlement: Settlement
    signal: Signal = Signal.NOTHING
    reason: str = ""
    retry_after: float | None = None
    refused_path: str | None = None  # method and path, as the entry writes them, which the answer says is refused


LOOK_AFTER_MS = 5_000  # until the search for a record that was accepted without showing its id


class OutcomeBuilder:
    """Builds the outcome of one delivery, with the attempts that were recorded for it."""

    def __init__(
        self, prepared: Prepared, recorder: AttemptRecorder, clock: Callable[[], int], rng: random.Random, probe: bool
    ) -> None:
        self._prepared = prepared
        self._delivery = prepared.delivery
        self._spec = prepared.spec
        self._recorder = recorder
        self._clock = clock
        self._rng = rng
        self._probe = probe
        # The reference and the version that the upstream holds, as soon as they are known.
        self._arrived: tuple[str | None, int] | None = None

    def sent(self, reference: str | None, content: int, reply: Reply | None) -> Outcome:
        """Return the outcome of an accepted delivery; `content` is the ClaimedDelivery.content that was accepted."""
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
        """Return the outcome of a create that was accepted without showing an id: a search has to find it."""
        settlement = self._settlement(
            Status.UNSURE,
            reply,
            problem=_NO_ID,
            in_doubt=True,
            due_at=self._clock() + LOOK_AFTER_MS,
            sent_version=self._delivery.version,
        )
        return Outcome(settlement, Signal.GOOD)

    def again(self, reply: Reply, *, doubtful: bool, repeated: bool = False) -> Outcome:
        """Return the outcome of a delivery that is tried again: by schedule, when its channel recovers or by a person.

        `repeated`: it may have arrived, and is sent again without a search because a second one does no harm.
        """
        if reply.verdict is Verdict.UNAUTHORIZED:
            # A refused probe goes to the end of the queue: the account may be granted some services and not others,
            # so the next probe should be another delivery.
            due_at = self._clock() if self._probe else self._delivery.changed_at
            settlement = self._settlement(Status.QUEUED, reply, in_doubt=doubtful or repeated, due_at=due_at)
            return Outcome(settlement, Signal.REFUSED, reply.message)
        if reply.verdict in (Verdict.REJECTED, Verdict.DUPLICATE):
            return self.failed(reply.message, Signal.GOOD, reply, in_doubt=doubtful)
        if doubtful and self._spec.find is None:
            parked = self.parked(reply.message or _NO_ANSWER, reply)
            return replace(parked, signal=Signal.DOWN, reason=reply.message or _NO_ANSWER)
        if reply.pauses_path:
            later = self._later(reply, doubtful=doubtful, repeated=repeated)
            return Outcome(later, reason=reply.message, refused_path=self._path())
        throttled = reply.retry_after is not None or reply.status == HTTPStatus.TOO_MANY_REQUESTS
        signal = Signal.THROTTLED if throttled else Signal.DOWN
        later = self._later(reply, doubtful=doubtful, repeated=repeated)
        return Outcome(later, signal, reply.message, reply.retry_after)

    def absent(self, instead: Settlement) -> Outcome:
        """Return the outcome of a record that has not arrived and must not be created; `instead` says why."""
        attempts = (*self._recorder.attempts, *instead.attempts)
        return Outcome(replace(instead, tried=self._recorder.tried, attempts=attempts, in_doubt=False), Signal.GOOD)

    def look_again(self) -> Outcome:
        """Return the outcome of an accepted delivery that the search does not find yet."""
        return Outcome(self._later(None, doubtful=True, problem=_NOT_YET_FOUND), Signal.GOOD)

    def parked(self, problem: str, reply: Reply | None = None) -> Outcome:
        """Return the outcome of a delivery in doubt about which a person has to decide."""
        return Outcome(self._settlement(Status.UNSURE, reply, problem=problem, in_doubt=True))

    def failed(
        self, problem: str, signal: Signal = Signal.NOTHING, reply: Reply | None = None, in_doubt: bool = False
    ) -> Outcome:
        """Return the outcome of a delivery that is not tried again; one that is another organization's is set aside."""
        if reply is not None and reply.foreign and not in_doubt:
            return Outcome(self._settlement(Status.IGNORED, reply, problem=problem, foreign=True), signal)
        return Outcome(self._settlement(Status.FAILED, reply, problem=problem, in_doubt=in_doubt), signal)

    def broken(self, error: Exception) -> Outcome:
        """Return the failure of a delivery that raised `error`, in doubt if a create may have left."""
        problem = words_of(error)
        if self._arrived is None:
            doubtful = self._prepared.operation == "create" and self._prepared.call is not None
            return self.failed(problem, in_doubt=doubtful)
        reference, version = self._arrived
        return Outcome(
            self._settlement(Status.FAILED, None, problem=problem, reference=reference, sent_version=version)
        )

    def _path(self) -> str:
        """Return method and path of the last request as the entry writes them: a real path may name a patient."""
        operation = self._recorder.attempts[-1].operation if self._recorder.attempts else "create"
        if operation == "find" and self._spec.find is not None:
            return f"GET {self._spec.find.path.text}"
        if operation == "update" and self._spec.update is not None:
            return f"{self._spec.update.method} {self._spec.update.path.text}"
        return self._spec.path

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
        """Return the settlement; `more` are further fields of it."""
        good = status is Status.SENT or (reference is not None and status is not Status.FAILED)
        return Settlement(
            self._delivery,
            status,
            tries=self._delivery.tries if tries is None else tries,
            tried=self._recorder.tried,
            reference=reference,
            http_status=reply.status if reply else None,
            code=code_of(reply) if reply else None,
            problem=None if good else problem or (reply.message if reply else None),
            attempts=tuple(self._recorder.attempts),
            codes=self._prepared.codes,
            value_rules=self._prepared.value_rules,
            corrections=self._spec.correction_names,
            **more,
        )


_NO_ID = message("send.no_id")
_NOT_YET_FOUND = message("send.not_yet_found")
_NO_ANSWER = message("send.no_answer")
