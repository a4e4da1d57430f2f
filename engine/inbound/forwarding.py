"""Forwards callers' requests to the clinic's own system, in order, and retries each until the system accepts it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import orjson
import structlog

from adapters import clinic_webhook
from adapters.clinic_webhook import ClinicSystem, NotTaken
from adapters.outbound.networks import Policy
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.errors import VaultError, place_of
from engine.facilities.facilities import credentials
from engine.facilities.vault import Vault
from engine.inbound.requests import mark_taken
from engine.keyed_tasks import KeyedTasks
from engine.specs.inbound import Inbound

BATCH_REQUESTS = 20  # requests of one clinic that are forwarded at once
ANSWER_SECONDS = 10.0  # time limit for an answer of the clinic's system
# Lease of a batch: if its worker dies, another worker forwards the batch after this time.
LEASE_MS = int((BATCH_REQUESTS * ANSWER_SECONDS + 30) * 1000)
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 5_000, 900_000  # pause before the second try, and the longest between two tries
NO_ADDRESS_PAUSE_MS = 600_000  # pause of a clinic that has entered no address
BLOCKING_TRIES = 5  # tries after which a request no longer blocks the requests behind it

Tell = Callable[[ClinicSystem, str, Any, int, float], Awaitable[Any]]

log = structlog.get_logger(__name__)


class ClinicQueue(NamedTuple):
    """The requests of one clinic to one service."""

    facility_id: int
    inbound: str


class WaitingRequest(NamedTuple):
    """A request that the clinic's system has not accepted yet."""

    id: int
    inbound: str
    operation: str
    at: int
    content: str
    answer: str
    code: int
    tries: int
    due_at: int


def _broke(queue: ClinicQueue, error: BaseException) -> None:
    log.warning("not_handed_on", facility=queue.facility_id, **place_of(error))


class Forwarder:
    """Forwards requests in one worker; a lease keeps two workers from forwarding the same request at once."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        vault: Vault,
        rng: random.Random,
        policy: Policy,
        tell: Tell = clinic_webhook.tell,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._rng = rng
        self._policy = policy
        self._tell = tell
        self._running = KeyedTasks[ClinicQueue](_broke)

    async def tick(self) -> None:
        """Start forwarding the due requests; a clinic with a slow system does not delay the others."""
        if not self._catalog().inbound:
            return
        for queue in await self._database.fetch(_DUE, {"now": self._database.clock()}):
            if queue not in self._running:
                self._running.begin(queue, self._forward(queue))

    async def idle(self) -> None:
        """Return when nothing is being forwarded."""
        await self._running.idle()

    async def _forward(self, queue: ClinicQueue) -> None:
        inbound = self._catalog().inbound.get(queue.inbound)
        system = None if inbound is None else await self._system(queue.facility_id, inbound)
        if system is None:
            await self._postpone(queue)
            return
        rows = await self._database.write(self._lease, queue)
        for position, row in enumerate(rows):
            try:
                await self._tell(
                    system, f"{queue.inbound}-{row.id}", webhook_body(row), self._database.clock(), ANSWER_SECONDS
                )
            except NotTaken as problem:
                await self._database.write(self._fail, rows[position:], str(problem))
                return
            await mark_taken(self._database, queue.facility_id, row.id)

    async def _system(self, facility_id: int, inbound: Inbound) -> ClinicSystem | None:
        return await system_of(self._database, self._vault, facility_id, inbound, self._policy)

    async def _postpone(self, queue: ClinicQueue) -> None:
        now = self._database.clock()
        names = {
            "facility": queue.facility_id,
            "inbound": queue.inbound,
            "now": now,
            "later": now + NO_ADDRESS_PAUSE_MS,
        }
        await self._database.execute(_POSTPONE, names)

    async def _lease(self, tx: Transaction, queue: ClinicQueue) -> list[WaitingRequest]:
        """Lease the oldest due requests; none if an earlier request still waits for its next try."""
        now = tx.now
        names = {
            "facility": queue.facility_id,
            "inbound": queue.inbound,
            "now": now,
            "size": BATCH_REQUESTS,
            "poison": BLOCKING_TRIES,
        }
        waiting = await tx.rows(_WAITING, names)
        first = next((row.due_at for row in waiting if row.tries < BLOCKING_TRIES), 0)
        rows = [] if first > now else [row for row in waiting if row.due_at <= now]
        await tx.execute(_SET_DUE, {"ids": [row.id for row in rows], "until": now + LEASE_MS})
        return rows

    async def _fail(self, tx: Transaction, rows: Sequence[WaitingRequest], problem: str) -> None:
        """Schedule the next try of the first request, which failed; make the others, which were not tried, due now."""
        now = tx.now
        first, *others = rows
        pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(first.tries, 20)) * (0.5 + self._rng.random() / 2)
        due = {"id": first.id, "due": now + int(pause), "problem": problem}
        await tx.execute(_FAIL, due)
        await tx.execute(_SET_DUE, {"ids": [row.id for row in others], "until": now})


def webhook_body(row: WaitingRequest) -> dict[str, Any]:
    """Return a request as the clinic's system gets it; the API shows the same."""
    return {
        "id": row.id,
        "inbound": row.inbound,
        "operation": row.operation,
        "at": row.at,
        "content": orjson.loads(row.content),
        "answer": orjson.loads(row.answer),
        "code": row.code,
    }


async def system_of(
    database: Database, vault: Vault, facility_id: int, inbound: Inbound, policy: Policy
) -> ClinicSystem | None:
    """Return the clinic's system; None if no address is entered or its credentials cannot be decrypted."""
    try:
        entered = await credentials(database, vault, facility_id, inbound.account)
    except VaultError:
        return None
    address, secret = entered.get("webhook_url", ""), entered.get("webhook_secret", "")
    return ClinicSystem(address, secret, policy) if address and secret else None


_DUE = Statement(
    """
SELECT DISTINCT facility_id, inbound FROM inbound_requests WHERE taken_at IS NULL AND due_at <= :now
""",
    ClinicQueue,
)

_POSTPONE = Command(
    """
UPDATE inbound_requests SET due_at = :later
WHERE facility_id = :facility AND inbound = :inbound AND taken_at IS NULL AND due_at <= :now
"""
)

_WAITING = Statement(
    """
SELECT id, inbound, operation, at, content, answer, code, tries, due_at FROM inbound_requests
WHERE facility_id = :facility AND inbound = :inbound AND taken_at IS NULL
  AND (due_at <= :now OR tries < :poison) ORDER BY id LIMIT :size {FOR UPDATE SKIP LOCKED}
""",
    WaitingRequest,
)

_SET_DUE = Command(
    "UPDATE inbound_requests SET due_at = :until WHERE id IN (SELECT id FROM {ids} AS v)", ids="id bigint"
)

_FAIL = Command("UPDATE inbound_requests SET tries = tries + 1, due_at = :due, problem = :problem WHERE id = :id")
