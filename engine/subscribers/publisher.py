"""Tells the subscribers of one worker; a lease keeps two workers from telling the same one at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import structlog

from adapters import clinic_webhook
from adapters.clinic_webhook import ClinicSystem, NotTaken
from adapters.his_database.faults import HisFault
from adapters.his_database.status_table import write_statuses
from adapters.messages import message
from adapters.outbound.networks import Policy
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.errors import VaultError, place_of
from engine.facilities.cache import FacilityCache
from engine.facilities.facilities import FacilityRow, credentials
from engine.facilities.vault import Vault
from engine.failpoints import failpoint
from engine.keyed_tasks import KeyedTasks
from engine.specs.his_source import HisSource
from engine.subscribers import positions
from engine.subscribers.events import StatusEvent, Words, body, next_batch
from engine.subscribers.positions import PACE_MS, Subscription
from engine.telemetry.metrics import metrics

ANSWER_SECONDS = 20.0  # for a batch
MAX_BATCHES = 50  # after which the subscriber is due again, so that a worker that is to stop can
MAX_SUBSCRIBERS = 8  # that one worker tells at once

Tell = Callable[[ClinicSystem, str, Any, int, float], Awaitable[Any]]

log = structlog.get_logger(__name__)


def _broke(one: Subscription, error: BaseException) -> None:  # its lease ends, and it is told again
    log.warning("not_told", facility=one.facility_id, account=one.account, **place_of(error))


class Publisher:
    """Tells what was settled; a subscriber that is slow or away does not delay the others."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        facilities: FacilityCache,
        vault: Vault,
        policy: Policy,
        words: Words,
        tell: Tell = clinic_webhook.tell,
    ) -> None:
        self._database, self._catalog, self._facilities = database, catalog, facilities
        self._vault, self._policy, self._words, self._tell_webhook = vault, policy, words, tell
        self._running = KeyedTasks[Subscription](_broke)

    async def tick(self) -> None:
        """Begin to tell the subscribers that are due; one query if none is."""
        accounts = self._accounts()
        for one in await positions.due(self._database, accounts) if accounts else ():
            if one not in self._running and len(self._running) < MAX_SUBSCRIBERS:
                self._running.begin(one, self._tell(one, accounts[one.account]))

    async def idle(self) -> None:
        """Return when nobody is being told."""
        await self._running.idle()

    def _accounts(self) -> Mapping[str, Collection[str]]:
        """Return the types that the subscribers of each account are told of; none of them: all."""
        catalog = self._catalog()
        told: dict[str, Collection[str]] = {webhook.account: webhook.specs for webhook in catalog.webhooks.values()}
        return told | {source.account: source.specs for source in catalog.sources.values() if source.status_table}

    async def _tell(self, one: Subscription, specs: Collection[str]) -> None:
        facility = await self._facilities.one(one.facility_id)
        position = None if facility is None else await positions.take(self._database, one)
        if facility is None or position is None:
            return
        put, after = self._put(one, facility), position.attempt_id
        for _ in range(MAX_BATCHES):
            batch = await next_batch(self._database, facility, specs, after, position.visible_id, self._words)
            try:
                if batch.events:
                    await put(batch.events)
                    failpoint("status_told")
            except NotTaken as problem:
                await self._fail(one, facility, str(problem))
                return
            is_end = batch.until >= position.visible_id
            pause = PACE_MS if is_end else positions.LEASE_MS
            if not await positions.move(self._database, one, after, batch.until, len(batch.events), pause):
                return
            metrics().told(facility.code, one.account, "told", len(batch.events))
            after = batch.until
            if is_end:
                return
        await positions.move(self._database, one, after, after, 0, 0)

    async def _fail(self, one: Subscription, facility: FacilityRow, problem: str) -> None:
        log.warning("status_not_taken", facility=facility.code, account=one.account)
        metrics().told(facility.code, one.account, "failed", 1)
        await positions.fail(self._database, one, problem)

    def _put(self, one: Subscription, facility: FacilityRow) -> Callable[[Sequence[StatusEvent]], Awaitable[None]]:
        """Return what hands events over. It raises NotTaken."""
        source = next((one_ for one_ in self._catalog().sources.values() if one_.account == one.account), None)
        if source is None:
            return lambda events: self._post(one, facility, events)
        return lambda events: self._write(source, facility, events)

    async def _post(self, one: Subscription, facility: FacilityRow, events: Sequence[StatusEvent]) -> None:
        system = await self._system(one)
        if system is None:  # nobody wants to be told
            return
        now, content = self._database.clock(), body(facility, events)
        await self._tell_webhook(system, f"status-{events[-1].id}", content, now, ANSWER_SECONDS)

    async def _system(self, one: Subscription) -> ClinicSystem | None:
        try:
            entered = await credentials(self._database, self._vault, one.facility_id, one.account)
        except VaultError as error:
            raise NotTaken(message("clinic_system.sealed")) from error
        address, secret = entered.get("webhook_url", ""), entered.get("webhook_secret", "")
        return ClinicSystem(address, secret, self._policy) if address and secret else None

    async def _write(self, source: HisSource, facility: FacilityRow, events: Sequence[StatusEvent]) -> None:
        try:
            entered = await credentials(self._database, self._vault, facility.id, source.account)
            rows = [{**event._asdict(), "at": facility.local(event.at).replace(tzinfo=None)} for event in events]
            await write_statuses(source.system, entered, source.status_table or "", rows, source.patience)
        except VaultError as error:
            raise NotTaken(message("source.sealed")) from error
        except HisFault as fault:
            raise NotTaken(str(fault)) from fault
