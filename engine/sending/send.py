"""From claimed to settled: what "send" means."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import structlog

from adapters.base import Account, Reply, Upstream, Verdict
from engine.delivery.types import Signal, given_back
from engine.errors import place_of
from engine.failpoints import failpoint
from engine.sending.attempts import AttemptRecorder
from engine.sending.find import FindResult, as_reference, look
from engine.sending.outcomes import Outcome, OutcomeBuilder
from engine.sending.prepare import Prepared
from engine.templates.template import TemplateError

log = structlog.get_logger(__name__)


class Sender:
    """Carries prepared deliveries through one upstream and decides what each becomes."""

    def __init__(self, clock: Callable[[], int], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng

    async def deliver(
        self,
        prepared: Prepared,
        upstream: Upstream,
        account: Account,
        turn: Callable[[], Awaitable[None]],
        *,
        probe: bool = False,
    ) -> Outcome:
        """Look first where it may be there already, then send, and settle by the verdict.

        Each request but the first waits for its `turn`; for the first whoever calls has waited.
        """
        exchange = AttemptRecorder(upstream, account, prepared.spec.hash, self._clock, turn)
        endings = OutcomeBuilder(prepared, exchange, self._clock, self._rng, probe)
        try:
            return await _Send(prepared, exchange, endings, self._clock).make()
        except Exception as error:
            log.error("delivery_broke", delivery=prepared.delivery.id, spec=prepared.spec.name, **place_of(error))
            return endings.broken(error)


class _Send:
    """One delivery's way: what is asked, and in which order."""

    def __init__(
        self, prepared: Prepared, exchange: AttemptRecorder, endings: OutcomeBuilder, clock: Callable[[], int]
    ) -> None:
        self.prepared = prepared
        self.delivery = prepared.delivery
        self.spec = prepared.spec
        self.exchange = exchange
        self.end = endings
        self.clock = clock

    async def make(self) -> Outcome:
        if self.prepared.operation == "create" and self._looks_first:
            ended = await self._look_first()
            if ended is not None:
                return ended
            if not self.delivery.lease.lasts(self.clock()):  # whoever has it now looks for itself, and must find
                return Outcome(given_back(self.delivery, tuple(self.exchange.attempts)))
        return await self._send()

    @property
    def _looks_first(self) -> bool:
        find = self.spec.find
        return self.delivery.in_doubt or self.spec.endpoint is None or (find is not None and find.when == "before")

    async def _look_first(self) -> Outcome | None:
        """None: it is not there, so send."""
        in_doubt = self.delivery.in_doubt
        if self.spec.find is None:
            return None if self._may_repeat else self.end.parked(_NO_SEARCH)
        found = await self._look()
        if found.reply is not None:
            return self.end.again(found.reply, doubtful=in_doubt)
        if found.reference is not None:
            return self._adopt(found.reference)
        if found.problem:
            return self.end.parked(found.problem) if in_doubt else self.end.failed(found.problem)
        if self.prepared.call is None:
            return self.end.failed(_NOT_FOUND, Signal.GOOD)
        return self._still_in_doubt() if in_doubt else None

    @property
    def _may_repeat(self) -> bool:
        """What cannot be looked up may be sent twice where that is as sending it once, as long as it is the same."""
        call, delivery = self.prepared.call, self.delivery
        return call is not None and call.repeatable and delivery.tried_version in (None, delivery.version)

    def _still_in_doubt(self) -> Outcome | None:
        """It was not found: that alone may not prove that it is not there."""
        if self.delivery.sent_version is not None:  # accepted without showing its id: a second one is never right
            return self.end.look_again()
        if self.delivery.tried_version not in (None, self.delivery.version):
            return self.end.parked(_CHANGED)  # the search asked with other content than what was tried
        return None

    async def _send(self) -> Outcome:
        """Make the one request that creates or changes."""
        call = self.prepared.call
        if call is None:  # a type that is only looked up has been looked up
            raise AssertionError("a lookup never gets here")
        failpoint("before_send")
        reply = await self.exchange.ask(call, self.prepared.operation)
        failpoint("answered")
        match reply.verdict:
            case Verdict.ACCEPTED:
                return self._accepted(reply)
            case Verdict.DUPLICATE | Verdict.REJECTED if self._may_be_there(reply):
                return await self._adopt_refused(reply)
            case Verdict.REJECTED | Verdict.DUPLICATE:
                return self.end.failed(reply.message, Signal.GOOD, reply)
            case _:
                doubtful = reply.verdict is Verdict.UNSURE and self.prepared.operation == "create"
                return self.end.again(reply, doubtful=doubtful, repeated=self._is_repeat(reply))

    def _may_be_there(self, reply: Reply) -> bool:
        """Whether a refusal says so of what can be looked for."""
        asked = reply.verdict is Verdict.DUPLICATE or reply.look
        return asked and self.prepared.operation == "create" and self.spec.find is not None

    def _is_repeat(self, reply: Reply) -> bool:
        """Whether the next request repeats one that may have arrived: this one, or one before it."""
        call = self.prepared.call
        if call is None or not call.harmless_twice or self.spec.find is not None:
            return False
        return call.repeated or reply.may_have_arrived

    def _accepted(self, reply: Reply) -> Outcome:
        if self.prepared.operation == "update":
            return self.end.sent(None, self.delivery.content, reply)
        reference = self._reference_in(reply)
        if reference is None:
            return self.end.accepted_unseen(reply)
        return self.end.sent(reference, self.delivery.content, reply)

    def _reference_in(self, reply: Reply) -> str | None:
        endpoint = self.spec.endpoint
        if endpoint is None:
            return None
        try:
            value = endpoint.reference.render({**self.prepared.context, "body": reply.content})
        except TemplateError:
            return None
        return as_reference(value)

    async def _adopt_refused(self, reply: Reply) -> Outcome:
        """It was refused because it is there, or so it seems: adopt it if it is."""
        found = await self._look()
        if found.reply is not None:
            return self.end.again(found.reply, doubtful=True)
        if found.reference is not None:
            return self._adopt(found.reference)
        if reply.verdict is Verdict.REJECTED:
            problem = f"{reply.message} {found.problem or ''}".strip()
            return self.end.failed(problem, Signal.GOOD, reply, in_doubt=found.problem is not None)
        return self.end.failed(found.problem or f"{reply.message} {_DUPLICATE_UNSEEN}", Signal.GOOD, reply)

    def _adopt(self, reference: str) -> Outcome:
        content = self.delivery.tried_version if self.delivery.in_doubt else None
        return self.end.sent(reference, content or self.delivery.content, None)

    async def _look(self) -> FindResult:
        find = self.spec.find
        assert find is not None, "asked only where there is one"  # noqa: S101
        return await look(find, self.prepared.context, lambda call: self.exchange.ask(call, "find"))


_NO_SEARCH = "Mungkin sudah sampai, dan jenis ini tidak dapat dicari; seseorang perlu memeriksanya."
_NOT_FOUND = "Tidak ditemukan di sistem tujuan; periksa nomor yang dicari."
_CHANGED = (
    "Mungkin sudah sampai dengan isi sebelum diubah, dan isi yang baru tidak ditemukan. "
    "Periksa di sistem tujuan; kirim ulang hanya bila memang belum ada."
)
_DUPLICATE_UNSEEN = "(disebut sudah ada, tetapi tidak ditemukan; periksa di sistem tujuan)"
