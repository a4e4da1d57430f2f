"""Checks every few seconds for troubles and alerts recipients to changes; several processes never alert twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from adapters.notifications.contract import Destination, NotDelivered, Notification
from adapters.notifications.deliver import deliver
from adapters.outbound.networks import OPERATOR
from engine.alerts import ledger, recipients
from engine.alerts.conditions import troubles
from engine.alerts.facts import Facts, facts
from engine.alerts.ledger import LedgerEntry, News
from engine.alerts.recipients import Recipient
from engine.errors import VaultError, place_of
from engine.hub import Hub
from engine.problems.facts import ProblemFacts
from engine.telemetry.metrics import metrics

LOOK_SECONDS = 15.0  # pause between two checks
MAX_DIGEST_DELAY_HOURS = 6  # a digest that is later than this is skipped

log = structlog.get_logger(__name__)

Deliver = Callable[[str, Notification, Destination], Awaitable[None]]
Problems = Callable[[], Awaitable[Mapping[int, ProblemFacts]]]


class AlertWriter(Protocol):
    """Writes the texts of alerts; they contain no patient data."""

    async def changes(self, recipient: Recipient, facts: Facts, news: News) -> Notification: ...

    async def digest(self, recipient: Recipient, facts: Facts) -> Notification: ...


async def no_problems() -> Mapping[int, ProblemFacts]:
    """Return no problems of any clinic."""
    return {}


class Watch:
    """Watches for troubles in one process, the web process too: it can still alert when no worker is alive."""

    def __init__(
        self, hub: Hub, writer: AlertWriter, send: Deliver = deliver, problems: Problems = no_problems
    ) -> None:
        self._hub = hub
        self._database = hub.database
        self._writer = writer
        self._send = send
        self._problems = problems

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # the database may be away: the next check may succeed
                log.warning("watch_broke", **place_of(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Check once and alert all recipients at the same time to what is new to them."""
        problems = await self._problems()  # reviewed without recipients too: pages show since when they are open
        waiting = await recipients.available(self._database)
        if waiting:
            present = await facts(self._hub, problems)
            await asyncio.gather(*(self._attend(recipient, present) for recipient in waiting))

    async def _attend(self, recipient: Recipient, present: Facts) -> None:
        try:
            await self._alert(recipient, present)
        except Exception as error:
            log.warning("alert_broke", recipient=recipient.id, **place_of(error))

    async def _alert(self, recipient: Recipient, present: Facts) -> None:
        now, before = self._database.clock(), ledger.parse(recipient.known)
        alerted = frozenset(key for key, entry in before.items() if entry.alerted)
        seen = ledger.advance(before, troubles(present, recipient.thresholds, recipient.facility_id, alerted), now)
        if recipient.again_at <= now:
            if digest_is_due(recipient, now):
                notification = await self._writer.digest(recipient, present)
                await self._deliver(recipient, notification, seen, digest_on=_day(recipient, now))
                return
            fresh = ledger.news(seen, now)
            if fresh and not recipient.is_quiet(now):
                notification = await self._writer.changes(recipient, present, fresh)
                await self._deliver(
                    recipient, notification, ledger.after(seen, fresh, now), digest_on=recipient.digest_on
                )
                return
        if seen != before:
            await recipients.store_ledger(self._database, recipient, ledger.dump(seen))

    async def _deliver(
        self, recipient: Recipient, notification: Notification, after: dict[str, LedgerEntry], digest_on: str
    ) -> None:
        if not await recipients.lease(self._database, recipient):
            return
        try:
            await self._send(recipient.way, notification, destination_of(self._hub, recipient))
        except (NotDelivered, VaultError) as error:
            metrics().notified(recipient.way, "failed")
            log.warning("alert_not_delivered", recipient=recipient.id, way=recipient.way)
            await recipients.failed(self._database, recipient, str(error))
        else:
            metrics().notified(recipient.way, "delivered")
            log.info("alert_delivered", recipient=recipient.id, way=recipient.way)
            await recipients.delivered(self._database, recipient, ledger.dump(after), digest_on)


def destination_of(hub: Hub, recipient: Recipient) -> Destination:
    """Return the destination of a recipient; e-mail without its own server uses the server of the environment."""
    settings = hub.settings
    opened = hub.vault.open(recipient.sealed) if recipient.sealed else {}
    secret = opened.get("secret", "")
    if recipient.way == "email" and not secret:
        return Destination(recipient.address, OPERATOR, settings.smtp_url, settings.smtp_from)
    gateway = settings.gateways.get(opened.get("gateway", ""))
    url = opened.get("url", "")
    return Destination(recipient.address, settings.alert_policy, secret, settings.smtp_from, url, gateway)


def digest_is_due(recipient: Recipient, now: int) -> bool:
    """Return whether the digest is due: once a day from its time on, unless it would be too late."""
    local = recipient.local(now)
    if not recipient.digest_at or recipient.digest_on == local.date().isoformat():
        return False
    hour, minute = map(int, recipient.digest_at.split(":"))
    late = (local.hour * 60 + local.minute) - (hour * 60 + minute)
    return 0 <= late < MAX_DIGEST_DELAY_HOURS * 60


def _day(recipient: Recipient, now: int) -> str:
    return recipient.local(now).date().isoformat()
