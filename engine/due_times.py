"""Heals due times that a wrong clock has written: a time later than its own rule can ask for becomes now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import text

from engine.alerts import recipients
from engine.catalog.catalog import Catalog
from engine.code_lists import copies
from engine.code_lists.schedule import AFTER_FAILURE
from engine.database.database import Database, as_json
from engine.database.transaction import Transaction
from engine.delivery.status import Lane
from engine.delivery.types import Channel
from engine.inbound import forwarding
from engine.limits import slots
from engine.limits.backoff import MAX_WAIT_SECONDS
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS, REFUSED_PAUSE_SECONDS
from engine.outbox import claim, delayed_resend
from engine.sending.outcomes import LOOK_AFTER_MS
from engine.specs.upstream import UpstreamSpec

MARGIN_MS = 60_000  # beyond what a rule can ask for: the clocks of several machines differ a little

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DueTimeRule:
    """A column that holds a future time, at most `max_ms` ahead."""

    table: str
    column: str
    max_ms: int
    keep_ms: int = 0  # a wrong time becomes now plus this, within which a living worker renews it
    where: str = ""  # condition that lets the query use an index, ending in AND
    parameters: dict[str, Any] = field(default_factory=dict)


async def heal(database: Database, catalog: Catalog, channels: Sequence[Channel]) -> int:
    """Correct all future times that are too far ahead; return how many. `channels` are all channels there are."""
    healed = 0
    for rule in rules(database, catalog, channels):
        now = database.clock()
        parameters = {**rule.parameters, "far": now + rule.max_ms + MARGIN_MS}
        too_far = f"FROM {rule.table} WHERE {rule.where}{rule.column} > :far"
        if await database.fetch(text(f"SELECT 1 {too_far} LIMIT 1"), parameters):
            n = await database.write(_set, rule, {**parameters, "soon": now + rule.keep_ms})
            log.warning("due_times_healed", table=rule.table, column=rule.column, rows=n)
            healed += n
    return healed


async def _set(tx: Transaction, rule: DueTimeRule, parameters: dict[str, Any]) -> int:
    query = f"UPDATE {rule.table} SET {rule.column} = :soon WHERE {rule.where}{rule.column} > :far"
    return await tx.execute(text(query), parameters)


def rules(database: Database, catalog: Catalog, channels: Sequence[Channel]) -> Iterator[DueTimeRule]:
    """Yield a rule for each column that says when something happens next, except times that a person chose."""
    upstreams = catalog.upstreams.values()
    patience = max((_patience(upstream) for upstream in upstreams), default=0.0)
    pauses = [upstream.breaker.pause for upstream in upstreams]
    backoffs = [spec.retry.cap for spec in catalog.specs.values()]
    yield _deliveries(database, channels, _ms(LOOK_AFTER_MS / 1000, MAX_WAIT_SECONDS, *backoffs))
    probes = (NO_ACCOUNT_PAUSE_SECONDS, *REFUSED_PAUSE_SECONDS, MAX_WAIT_SECONDS, patience, *pauses)
    yield DueTimeRule("channels", "probe_at", _ms(*probes))
    yield DueTimeRule("tokens", "lease_until", _ms(patience))
    yield DueTimeRule("leases", "until", claim.LEASE_MS, keep_ms=claim.LEASE_MS)
    yield DueTimeRule("drains", "until", slots.LIFE_MS, keep_ms=slots.LIFE_MS)
    yield DueTimeRule("held_resends", "due_at", delayed_resend.HOLD_MS)
    yield DueTimeRule("synchronisations", "held_until", copies.LEASE_MS, where="state = 'running' AND ")
    yield DueTimeRule("synchronisations", "started_at", 0)
    yield DueTimeRule("synchronisations", "ended_at", 0)
    yield DueTimeRule("synchronisations", "retry_at", _ms(AFTER_FAILURE.cap, *probes))
    waits = max(forwarding.LEASE_MS, forwarding.LONGEST_PAUSE_MS, forwarding.NO_ADDRESS_PAUSE_MS)
    yield DueTimeRule("inbound_requests", "due_at", waits, where="taken_at IS NULL AND ")
    yield DueTimeRule("alert_recipients", "held_until", recipients.LEASE_MS)
    yield DueTimeRule("alert_recipients", "again_at", recipients.LONGEST_PAUSE_MS)


def _deliveries(database: Database, channels: Sequence[Channel], max_ms: int) -> DueTimeRule:
    # One index look-up for each channel and lane: the cost does not grow with the number of due deliveries.
    columns = {"upstream": "text", "facility_id": "integer", "lane": "smallint"}
    rows = [[channel.upstream, channel.facility_id, int(lane)] for channel in channels for lane in Lane]
    where = f"""id IN (
      SELECT d.id FROM {database.rows(columns, "rows")} AS v CROSS JOIN deliveries AS d
      WHERE d.upstream = v.upstream AND d.facility_id = v.facility_id AND d.lane = v.lane AND d.due_at > :far
    ) AND """
    return DueTimeRule("deliveries", "due_at", max_ms, where=where, parameters={"rows": as_json(rows)})


def _patience(upstream: UpstreamSpec) -> float:
    """Return the seconds that a delivery, or a request for a token, may take."""
    timeouts = upstream.profile.timeouts
    return 2 * (timeouts.connect + timeouts.total)


def _ms(*seconds: float) -> int:
    return int(max(seconds) * 1000)
