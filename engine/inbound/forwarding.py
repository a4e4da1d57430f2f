"""Hands on to the clinic's system what callers asked of the clinic: in order, again and again until it is taken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, text

from adapters import clinic_webhook
from adapters.clinic_webhook import His, NotTaken
from adapters.outbound.networks import Policy
from engine.catalog.catalog import Catalog
from engine.database.database import Database, as_json
from engine.errors import VaultError, place_of
from engine.facilities.facilities import credentials
from engine.facilities.vault import Vault
from engine.inbound.requests import taken
from engine.specs.inbound import Inbound

BATCH_REQUESTS = 20  # requests of one clinic that are taken up at once
ANSWER_SECONDS = 10.0  # seconds that the clinic's system gets to answer
# Milliseconds for which a worker holds a batch; if it dies, another begins anew after this.
LEASE_MS = int((BATCH_REQUESTS * ANSWER_SECONDS + 30) * 1000)
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 5_000, 900_000  # milliseconds until the second try, and between two at most
NO_ADDRESS_PAUSE_MS = 600_000  # milliseconds after which is looked again whether the clinic has entered an address
BLOCKING_TRIES = 5  # tries after which a request does not hold up those behind it

Tell = Callable[[His, str, Any, int, float], Awaitable[Any]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClinicQueue:
    """The requests of one clinic to one service."""

    facility_id: int
    inbound: str


class Forwarder:
    """One per worker; two never tell the same request at once."""

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
        self._running: dict[ClinicQueue, asyncio.Task[None]] = {}

    async def tick(self) -> None:
        """Take up what is due; a clinic whose system is slow holds up nobody else's."""
        if not self._catalog().inbound:
            return
        for row in await self._database.fetch(text(_DUE), {"now": self._database.clock()}):
            line = ClinicQueue(row.facility_id, row.inbound)
            if line not in self._running:
                task = self._running[line] = asyncio.create_task(self._hand_on(line))
                task.add_done_callback(partial(self._ended, line))

    async def settled(self) -> None:
        """Wait until what was taken up has had its turn."""
        while self._running:
            await asyncio.wait(self._running.values())
            await asyncio.sleep(0)

    def _ended(self, line: ClinicQueue, task: asyncio.Task[None]) -> None:
        del self._running[line]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.warning("not_handed_on", facility=line.facility_id, **place_of(error))

    async def _hand_on(self, line: ClinicQueue) -> None:
        inbound = self._catalog().inbound.get(line.inbound)
        system = None if inbound is None else await self._system(line.facility_id, inbound)
        if system is None:
            await self._put_off(line)
            return
        rows = await self._database.write(partial(self._take_up, line))
        for place, row in enumerate(rows):
            try:
                await self._tell(
                    system, f"{line.inbound}-{row.id}", webhook_body(row), self._database.clock(), ANSWER_SECONDS
                )
            except NotTaken as problem:
                await self._database.write(partial(self._fail, rows[place:], str(problem)))
                return
            await taken(self._database, line.facility_id, row.id)

    async def _system(self, facility_id: int, inbound: Inbound) -> His | None:
        return await system_of(self._database, self._vault, facility_id, inbound, self._policy)

    async def _put_off(self, line: ClinicQueue) -> None:
        now = self._database.clock()
        names = {"facility": line.facility_id, "inbound": line.inbound, "now": now, "later": now + NO_ADDRESS_PAUSE_MS}
        await self._database.write(lambda connection: connection.execute(text(_PUT_OFF), names))

    def _take_up(self, line: ClinicQueue, connection: Connection) -> Sequence[Any]:
        """The oldest that are due, as far as none before them waits for its next try."""
        now = self._database.clock()
        names = {
            "facility": line.facility_id,
            "inbound": line.inbound,
            "now": now,
            "size": BATCH_REQUESTS,
            "poison": BLOCKING_TRIES,
        }
        waiting = connection.execute(text(_WAITING % self._database.skip_locked), names).all()
        first = next((row.due_at for row in waiting if row.tries < BLOCKING_TRIES), 0)
        rows = [] if first > now else [row for row in waiting if row.due_at <= now]
        ids = as_json([[row.id] for row in rows])
        held = text(_POSTPONE % self._database.rows({"id": "bigint"}, "ids"))
        connection.execute(held, {"ids": ids, "until": now + LEASE_MS})
        return rows

    def _fail(self, rows: Sequence[Any], problem: str, connection: Connection) -> None:
        """The first was not taken; the others had no turn."""
        now = self._database.clock()
        first, *others = rows
        pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(first.tries, 20)) * (0.5 + self._rng.random() / 2)
        due = {"id": first.id, "due": now + int(pause), "problem": problem}
        connection.execute(text(_FAIL), due)
        back = text(_POSTPONE % self._database.rows({"id": "bigint"}, "ids"))
        connection.execute(back, {"ids": as_json([[row.id] for row in others]), "until": now})


def webhook_body(row: Any) -> dict[str, Any]:
    """A request as the clinic's system gets it; the same as the API shows."""
    return {
        "id": row.id,
        "inbound": row.inbound,
        "operation": row.operation,
        "at": row.at,
        "content": orjson.loads(row.content),
        "answer": orjson.loads(row.answer),
        "code": row.code,
    }


async def system_of(database: Database, vault: Vault, facility_id: int, inbound: Inbound, policy: Policy) -> His | None:
    """The clinic's system, None where no address is entered or it cannot be opened."""
    try:
        entered = await credentials(database, vault, facility_id, inbound.account)
    except VaultError:
        return None
    address, secret = entered.get("webhook_url", ""), entered.get("webhook_secret", "")
    return His(address, secret, policy) if address and secret else None


_DUE = """
SELECT DISTINCT facility_id, inbound FROM inbound_requests WHERE taken_at IS NULL AND due_at <= :now
"""

_PUT_OFF = """
UPDATE inbound_requests SET due_at = :later
WHERE facility_id = :facility AND inbound = :inbound AND taken_at IS NULL AND due_at <= :now
"""

_WAITING = """
SELECT id, inbound, operation, at, content, answer, code, tries, due_at FROM inbound_requests
WHERE facility_id = :facility AND inbound = :inbound AND taken_at IS NULL
  AND (due_at <= :now OR tries < :poison) ORDER BY id LIMIT :size %s
"""

_POSTPONE = "UPDATE inbound_requests SET due_at = :until WHERE id IN (SELECT id FROM %s AS v)"

_FAIL = "UPDATE inbound_requests SET tries = tries + 1, due_at = :due, problem = :problem WHERE id = :id"
