"""From claimed to settled: what "send" means."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.base import BODY_LIMIT, Account, Call, Reply, Upstream, Verdict
from engine.errors import place_of, words_of
from engine.failpoints import failpoint
from engine.find import Found, as_reference, look
from engine.models import Status
from engine.outbox.entries import AttemptRow, Settlement, given_back
from engine.prepare import Prepared
from engine.retry import try_again
from engine.template import TemplateError

CODE_LENGTH = 60
LOOK_SOON = 5_000
"""Milliseconds until it is looked for what was accepted without showing its id."""

log = structlog.get_logger(__name__)


class Signal(StrEnum):
    """What a delivery tells about its channel."""

    NOTHING = "nothing"
    GOOD = "good"
    DOWN = "down"
    REFUSED = "refused"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended, and what that says of the channel."""

    settlement: Settlement
    signal: Signal = Signal.NOTHING
    reason: str = ""
    retry_after: float | None = None


class Courier:
    """Carries prepared deliveries through one upstream and decides what each becomes."""

    def __init__(self, clock: Callable[[], int], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng

    async def deliver(
        self, prepared: Prepared, upstream: Upstream, account: Account, *, probe: bool = False
    ) -> Outcome:
        """Look first where it may be there already, then send, and settle by the verdict."""
        trip = _Trip(prepared, upstream, account, self._clock, self._rng, probe)
        try:
            return await trip.make()
        except Exception as error:
            log.error("delivery_broke", delivery=prepared.delivery.id, spec=prepared.spec.name, **place_of(error))
            return trip.broken(error)


class _Trip:
    """One delivery's way; collects the attempts on the way."""

    def __init__(
        self,
        prepared: Prepared,
        upstream: Upstream,
        account: Account,
        clock: Callable[[], int],
        rng: random.Random,
        probe: bool,
    ) -> None:
        self.prepared = prepared
        self.delivery = prepared.delivery
        self.spec = prepared.spec
        self.upstream = upstream
        self.account = account
        self.clock = clock
        self.rng = rng
        self.probe = probe
        self.attempts: list[AttemptRow] = []
        self.arrived: tuple[str | None, int] | None = None
        """The reference and the version that the upstream holds, as soon as that is known."""

    async def make(self) -> Outcome:
        if self.prepared.operation == "create" and self._looks_first:
            ended = await self._look_first()
            if ended is not None:
                return ended
            if not self.delivery.lease.lasts(self.clock()):  # whoever has it now looks for itself, and must find
                return Outcome(given_back(self.delivery, tuple(self.attempts)))
        return await self._send()

    def broken(self, error: Exception) -> Outcome:
        """A poisonous record fails alone; what of it may have left is in doubt, what has arrived is kept."""
        if self.arrived is not None:
            reference, version = self.arrived
            problem = words_of(error)
            kept = self._settlement(Status.FAILED, None, problem=problem, reference=reference, sent_version=version)
            return Outcome(kept)
        doubtful = self.prepared.operation == "create" and self.prepared.call is not None
        return self._fail(words_of(error), in_doubt=doubtful)

    @property
    def _looks_first(self) -> bool:
        find = self.spec.find
        return self.delivery.in_doubt or self.spec.endpoint is None or (find is not None and find.when == "before")

    async def _look_first(self) -> Outcome | None:
        """None: it is not there, so send."""
        if self.spec.find is None:
            return self._park("Mungkin sudah sampai, dan jenis ini tidak dapat dicari; seseorang perlu memeriksanya.")
        found = await self._look()
        if found.reply is not None:
            return self._again(found.reply, doubtful=self.delivery.in_doubt)
        if found.reference is not None:
            return self._adopt(found.reference)
        if found.problem:
            return self._park(found.problem) if self.delivery.in_doubt else self._fail(found.problem)
        if self.prepared.call is None:
            return self._fail("Tidak ditemukan di sistem tujuan; periksa nomor yang dicari.", Signal.GOOD)
        if self._is_there_unseen:
            return self._look_again()
        return self._park(_CHANGED) if self._looked_for_another else None

    @property
    def _looked_for_another(self) -> bool:
        """The search asks with what the record says now, and something else was tried: it may be there unfound."""
        return self.delivery.in_doubt and self.delivery.tried_version not in (None, self.delivery.version)

    @property
    def _is_there_unseen(self) -> bool:
        """It was accepted without showing its id: however long it is not found, a second one is never right."""
        return self.delivery.in_doubt and self.delivery.sent_version is not None

    async def _send(self) -> Outcome:
        """Make the one request that creates or changes."""
        call = self.prepared.call
        if call is None:  # a type that is only looked up has been looked up
            raise AssertionError("a lookup never gets here")
        failpoint("before_send")
        reply = await self._exchange(call, self.prepared.operation)
        failpoint("answered")
        match reply.verdict:
            case Verdict.ACCEPTED:
                return self._accepted(reply)
            case Verdict.DUPLICATE if self.prepared.operation == "create" and self.spec.find is not None:
                return await self._adopt_duplicate(reply)
            case Verdict.REJECTED | Verdict.DUPLICATE:
                return self._fail(reply.message, Signal.GOOD, reply)
            case _:
                doubtful = reply.verdict is Verdict.UNSURE and self.prepared.operation == "create"
                return self._again(reply, doubtful=doubtful)

    def _accepted(self, reply: Reply) -> Outcome:
        if self.prepared.operation == "update":
            return self._sent(None, self.delivery.content, reply)
        reference = self._reference_in(reply)
        if reference is None:
            return self._accepted_unseen(reply)
        return self._sent(reference, self.delivery.content, reply)

    def _accepted_unseen(self, reply: Reply) -> Outcome:
        settlement = self._settlement(
            Status.UNSURE,
            reply,
            problem=_NO_ID,
            in_doubt=True,
            due_at=self.clock() + LOOK_SOON,
            sent_version=self.delivery.version,
        )
        return Outcome(settlement, Signal.GOOD)

    def _reference_in(self, reply: Reply) -> str | None:
        endpoint = self.spec.endpoint
        if endpoint is None:
            return None
        try:
            value = endpoint.reference.render({**self.prepared.context, "body": reply.content})
        except TemplateError:
            return None
        return as_reference(value)

    def _sent(self, reference: str | None, content: int, reply: Reply | None) -> Outcome:
        """`content` is what the upstream now holds; see Claimed.content."""
        update = self.spec.update
        version = abs(content)
        self.arrived = reference, version
        step = self.prepared.first_step
        if step or (update is not None and content != self.delivery.content):
            due_at, held = self.clock(), None if step else version
            settlement = self._settlement(
                Status.QUEUED, reply, reference=reference, due_at=due_at, tries=0, sent_version=held, body_served=step
            )
            return Outcome(settlement, Signal.GOOD)
        requeue = update is not None or self.spec.endpoint is None
        settlement = self._settlement(
            Status.SENT, reply, reference=reference, sent_version=version, requeue_if_changed=requeue
        )
        if self.prepared.undoes:
            settlement = replace(settlement, undone=self.prepared.undoes)
        return Outcome(settlement, Signal.GOOD)

    async def _adopt_duplicate(self, reply: Reply) -> Outcome:
        found = await self._look()
        if found.reply is not None:
            return self._again(found.reply, doubtful=True)
        if found.reference is not None:
            return self._adopt(found.reference)
        return self._fail(found.problem or f"{reply.message} {_DUPLICATE_UNSEEN}", Signal.GOOD, reply)

    def _adopt(self, reference: str) -> Outcome:
        content = self.delivery.tried_version if self.delivery.in_doubt else None
        return self._sent(reference, content or self.delivery.content, None)

    async def _look(self) -> Found:
        find = self.spec.find
        assert find is not None, "asked only where there is one"  # noqa: S101
        return await look(find, self.prepared.context, lambda call: self._exchange(call, "find"))

    async def _exchange(self, call: Call, operation: str) -> Reply:
        at = self.clock()
        try:
            reply = await self.upstream.send(call, self.account)
        except SQLAlchemyError as error:  # the tokens are in the database: without one nothing has left
            reply = Reply(Verdict.UNAVAILABLE, message=_NO_DATABASE.format(type(error).__name__), sent=False)
        query = "&".join(f"{name}={value}" for name, value in call.query)
        self.attempts.append(
            AttemptRow(
                at=at,
                milliseconds=int(reply.seconds * 1000),
                operation=operation,
                spec_hash=self.spec.hash,
                verdict=reply.verdict,
                message=reply.message,
                method=call.method,
                path=f"{call.path}?{query}" if query else call.path,
                request=call.body,
                http_status=reply.status,
                code=reply.code and reply.code[:CODE_LENGTH],
                response=reply.body[:BODY_LIMIT] or None,
                place=reply.place,
            )
        )
        return reply

    def _again(self, reply: Reply, *, doubtful: bool) -> Outcome:
        """Not settled: the schedule, the channel's recovery or a person brings it on."""
        if reply.verdict is Verdict.UNAUTHORIZED:
            settlement = self._settlement(Status.QUEUED, reply, in_doubt=doubtful, due_at=self.delivery.changed_at)
            return Outcome(settlement, Signal.REFUSED, reply.message)
        if reply.verdict in (Verdict.REJECTED, Verdict.DUPLICATE):
            return self._fail(reply.message, Signal.GOOD, reply, in_doubt=doubtful)
        if doubtful and self.spec.find is None:
            return self._park(reply.message or _NO_ANSWER, reply)
        signal = Signal.DOWN if reply.retry_after is None else Signal.THROTTLED
        return Outcome(self._later(reply, doubtful=doubtful), signal, reply.message, reply.retry_after)

    def _look_again(self) -> Outcome:
        return Outcome(self._later(None, doubtful=True, problem=_NOT_YET_FOUND), Signal.GOOD)

    def _later(self, reply: Reply | None, *, doubtful: bool, problem: str | None = None) -> Settlement:
        decision = try_again(
            self.spec.retry,
            doubtful=doubtful,
            tries=self.delivery.tries,
            now=self.clock(),
            retry_after=reply.retry_after if reply else None,
            probe=self.probe,
            rng=self.rng,
        )
        return self._settlement(
            decision.status,
            reply,
            problem=problem,
            in_doubt=doubtful,
            due_at=decision.due_at,
            tries=decision.tries,
        )

    def _park(self, problem: str, reply: Reply | None = None) -> Outcome:
        """A person decides."""
        return Outcome(self._settlement(Status.UNSURE, reply, problem=problem, in_doubt=True))

    def _fail(
        self, problem: str, signal: Signal = Signal.NOTHING, reply: Reply | None = None, in_doubt: bool = False
    ) -> Outcome:
        settlement = self._settlement(Status.FAILED, reply, problem=problem, in_doubt=in_doubt)
        return Outcome(settlement, signal)

    def _settlement(
        self,
        status: Status,
        reply: Reply | None,
        *,
        problem: str | None = None,
        reference: str | None = None,
        due_at: int | None = None,
        in_doubt: bool = False,
        tries: int | None = None,
        sent_version: int | None = None,
        requeue_if_changed: bool = True,
        body_served: bool = False,
    ) -> Settlement:
        good = status is Status.SENT or (reference is not None and status is not Status.FAILED)
        return Settlement(
            self.delivery,
            status,
            due_at=due_at,
            tries=self.delivery.tries if tries is None else tries,
            tried=any(attempt.operation in ("create", "update") for attempt in self.attempts),
            reference=reference,
            sent_version=sent_version,
            in_doubt=in_doubt,
            requeue_if_changed=requeue_if_changed,
            body_served=body_served,
            http_status=reply.status if reply else None,
            code=reply.code[:CODE_LENGTH] if reply and reply.code else None,
            problem=None if good else problem or (reply.message if reply else None),
            attempts=tuple(self.attempts),
        )


_NO_DATABASE = "Basis data tidak terjangkau saat token dibaca ({})."
_NO_ID = "Diterima, tetapi nomornya tidak terbaca; dicari di sistem tujuan."
_NOT_YET_FOUND = "Diterima, tetapi belum ditemukan di sistem tujuan."
_CHANGED = (
    "Mungkin sudah sampai dengan isi sebelum diubah, dan isi yang baru tidak ditemukan. "
    "Periksa di sistem tujuan; kirim ulang hanya bila memang belum ada."
)
_NO_ANSWER = "Tidak ada jawaban; mungkin sudah sampai."
_DUPLICATE_UNSEEN = "(disebut sudah ada, tetapi tidak ditemukan; periksa di sistem tujuan)"
