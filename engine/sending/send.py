"""Sends one prepared delivery: searches first if it may have arrived already, sends it, and judges the reply."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import orjson
import structlog

from adapters.base import Account, Reply, Upstream, Verdict
from adapters.messages import message
from engine.delivery.types import Signal, given_back
from engine.errors import place_of
from engine.failpoints import failpoint
from engine.sending.attempts import AttemptRecorder
from engine.sending.find import FindResult, as_reference, first_request, look
from engine.sending.outcomes import Outcome, OutcomeBuilder
from engine.sending.prepare import Prepared
from engine.templates.template import TemplateError

log = structlog.get_logger(__name__)


class Sender:
    """Sends prepared deliveries and decides the outcome of each."""

    def __init__(self, clock: Callable[[], int], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng

    async def deliver(
        self,
        prepared: Prepared,
        upstream: Upstream,
        account: Account,
        wait_for_rate: Callable[[], Awaitable[None]],
        *,
        probe: bool = False,
    ) -> Outcome:
        """Send a delivery and return its outcome; every error of ours becomes the outcome of this delivery alone.

        Every request but the first awaits `wait_for_rate`; the caller has waited for the first one.
        """
        recorder = AttemptRecorder(upstream, account, prepared.spec.hash, self._clock, wait_for_rate)
        outcomes = OutcomeBuilder(prepared, recorder, self._clock, self._rng, probe)
        try:
            return await _Send(prepared, recorder, outcomes, self._clock).run()
        except Exception as error:
            log.error("delivery_broke", delivery=prepared.delivery.id, spec=prepared.spec.name, **place_of(error))
            return outcomes.broken(error)


class _Send:
    """The requests of one delivery, in their order."""

    def __init__(
        self, prepared: Prepared, recorder: AttemptRecorder, outcomes: OutcomeBuilder, clock: Callable[[], int]
    ) -> None:
        self.prepared = prepared
        self.delivery = prepared.delivery
        self.spec = prepared.spec
        self.recorder = recorder
        self.outcomes = outcomes
        self.clock = clock

    async def run(self) -> Outcome:
        """Search for the delivery if it has to be, and send the create or update."""
        if self.prepared.operation == "create" and (self.delivery.in_doubt or self.spec.searches_first):
            outcome = await self._search_first()
            if outcome is not None:
                return outcome
            # The search took too long: another worker may hold the delivery by now and search for it itself.
            if not self.delivery.lease.lasts(self.clock()):
                return Outcome(given_back(self.delivery, tuple(self.recorder.attempts)))
        call = self.prepared.call
        if call is None:
            raise AssertionError("a type that is only looked up is never sent")
        failpoint("before_send")
        reply = await self.recorder.ask(call, self.prepared.operation)
        failpoint("answered")
        return self._accepted(reply) if reply.verdict is Verdict.ACCEPTED else await self._not_accepted(reply)

    async def _search_first(self) -> Outcome | None:
        """Search for the delivery; None if it is not there and has to be sent."""
        in_doubt = self.delivery.in_doubt
        if self.spec.find is None:
            return None if self._may_repeat else self.outcomes.parked(_NO_SEARCH)
        result = await self._look()
        if result.reply is not None:
            return self.outcomes.again(result.reply, doubtful=in_doubt)
        if result.reference is not None:
            return self._adopt(result.reference)
        if result.problem:
            return self.outcomes.parked(result.problem) if in_doubt else self.outcomes.failed(result.problem)
        if self.prepared.call is None:
            return self.outcomes.failed(_NOT_FOUND, Signal.GOOD)
        if in_doubt and (outcome := self._still_in_doubt()):
            return outcome
        return self.outcomes.absent(self.prepared.instead) if self.prepared.instead else None

    @property
    def _may_repeat(self) -> bool:
        """Return whether the same request may be sent twice because the upstream then does nothing the second time."""
        call, delivery = self.prepared.call, self.delivery
        if self.prepared.instead is not None:
            return False
        return call is not None and call.repeatable and delivery.tried_version in (None, delivery.version)

    def _still_in_doubt(self) -> Outcome | None:
        """Return the outcome if a search without a match does not prove that the record is not there."""
        if self.delivery.sent_version is not None:  # accepted without showing its id: never send a second one
            return self.outcomes.look_again()
        if self.delivery.tried_version not in (None, self.delivery.version) and not self._searched_as_tried():
            return self.outcomes.parked(_CHANGED)  # the search used other content than the request that was tried
        return None

    def _searched_as_tried(self) -> bool:
        """Return whether only a withdrawal changed the record since it was tried, and the search is the same."""
        delivery, withdrawal, context = self.delivery, self.spec.withdrawal, self.prepared.context
        if withdrawal is None or delivery.replaced is None or delivery.tried_version != delivery.version - 1:
            return False
        before = withdrawal.undone(orjson.loads(delivery.record), orjson.loads(delivery.replaced))
        scopes = (context, {**context, "record": self.spec.completion(before)})
        searches = [first_request(self.spec.find, scope) for scope in scopes if self.spec.find is not None]
        return searches[0] == searches[1]

    async def _not_accepted(self, reply: Reply) -> Outcome:
        """Return the outcome of a create or update that the upstream did not accept."""
        match reply.verdict:
            case Verdict.DUPLICATE | Verdict.REJECTED if self._may_exist(reply):
                return await self._adopt_refused(reply)
            case Verdict.REJECTED | Verdict.DUPLICATE:
                return self.outcomes.failed(reply.message, Signal.GOOD, reply)
            case _:
                doubtful = reply.verdict is Verdict.UNSURE and self.prepared.operation == "create"
                return self.outcomes.again(reply, doubtful=doubtful, repeated=self._is_repeat(reply))

    def _may_exist(self, reply: Reply) -> bool:
        """Return whether the refusal of a create says that the record may exist, and the type has a search."""
        says_so = reply.verdict is Verdict.DUPLICATE or reply.look
        return says_so and self.prepared.operation == "create" and self.spec.find is not None

    def _is_repeat(self, reply: Reply) -> bool:
        """Return whether the next request repeats one that may have arrived: this one, or one before it."""
        call = self.prepared.call
        if call is None or not call.harmless_twice or self.spec.find is not None:
            return False
        return call.repeated or reply.may_have_arrived

    def _accepted(self, reply: Reply) -> Outcome:
        if self.prepared.operation == "update":
            return self.outcomes.sent(None, self.delivery.content, reply)
        reference = self._reference_in(reply)
        if reference is None:
            return self.outcomes.accepted_unseen(reply)
        return self.outcomes.sent(reference, self.delivery.content, reply)

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
        """Search for a record that was refused because it seems to exist, and adopt its id."""
        result = await self._look()
        if result.reply is not None:
            return self.outcomes.again(result.reply, doubtful=True)
        if result.reference is not None:
            return self._adopt(result.reference)
        if reply.verdict is Verdict.REJECTED:
            unclear = result.problem
            problem = message("send.beside", words=reply.message, more=unclear) if unclear else reply.message
            return self.outcomes.failed(problem, Signal.GOOD, reply, in_doubt=result.problem is not None)
        return self.outcomes.failed(
            result.problem or message("send.duplicate_unseen", words=reply.message), Signal.GOOD, reply
        )

    def _adopt(self, reference: str) -> Outcome:
        content = self.delivery.tried_version if self.delivery.in_doubt else None
        return self.outcomes.sent(reference, content or self.delivery.content, None)

    async def _look(self) -> FindResult:
        find = self.spec.find
        assert find is not None, "only types with a search get here"  # noqa: S101
        return await look(find, self.prepared.context, lambda call: self.recorder.ask(call, "find"))


_NO_SEARCH = message("send.no_search")
_NOT_FOUND = message("find.nothing")
_CHANGED = message("send.changed")
