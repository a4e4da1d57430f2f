"""Heals due times that a wrong clock has written: whatever is due later than its own rule can ask for is due now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, text

from engine.alerts import recipients
from engine.catalog.catalog import Catalog
from engine.code_lists import copies
from engine.code_lists.schedule import AFTER_FAILURE
from engine.database.database import Database, as_json
from engine.delivery.status import Lane
from engine.delivery.types import Channel
from engine.inbound import forwarding
from engine.limits import slots
from engine.limits.backoff import MAX_WAIT_SECONDS
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS, REFUSED_PAUSE_SECONDS
from engine.outbox import claim, delayed_resend
from engine.sending.outcomes import LOOK_AFTER_MS
from engine.specs.upstream import UpstreamSpec

MARGIN_MS = 60_000  # Beyond what a rule can ask for; the clocks of several machines differ a little

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """A column that holds a time to come: at most so many milliseconds ahead."""

    table: str
    column: str
    longest: int
    keep: int = 0  # Milliseconds from now to which it is set: a worker that lives has to say so before they have passed
    where: str = ""  # Which rows, where an index needs to be told; begins with a condition and ends in AND
    names: dict[str, Any] = field(default_factory=dict)


async def heal(database: Database, catalog: Catalog, channels: Sequence[Channel]) -> int:
    """Look at every column that holds a time to come; how many were too far ahead. `channels`: all there are."""
    healed = 0
    for rule in rules(database, catalog, channels):
        now = database.clock()
        names = {**rule.names, "far": now + rule.longest + MARGIN_MS}
        which = f"FROM {rule.table} WHERE {rule.where}{rule.column} > :far"
        if await database.fetch(text(f"SELECT 1 {which} LIMIT 1"), names):
            n = await database.write(partial(_set, rule, {**names, "soon": now + rule.keep}))
            log.warning("due_times_healed", table=rule.table, column=rule.column, rows=n)
            healed += n
    return healed


def _set(rule: Rule, names: dict[str, Any], connection: Connection) -> int:
    query = f"UPDATE {rule.table} SET {rule.column} = :soon WHERE {rule.where}{rule.column} > :far"
    return connection.execute(text(query), names).rowcount


def rules(database: Database, catalog: Catalog, channels: Sequence[Channel]) -> Iterator[Rule]:
    """Every column that says when something happens next; not what a person chose, as the end of a key."""
    upstreams = catalog.upstreams.values()
    patience = max((_patience(each) for each in upstreams), default=0.0)
    pauses = [each.breaker.pause for each in upstreams]
    backoffs = [spec.retry.cap for spec in catalog.specs.values()]
    yield _deliveries(database, channels, _ms(LOOK_AFTER_MS / 1000, MAX_WAIT_SECONDS, *backoffs))
    probes = (NO_ACCOUNT_PAUSE_SECONDS, *REFUSED_PAUSE_SECONDS, MAX_WAIT_SECONDS, patience, *pauses)
    yield Rule("channels", "probe_at", _ms(*probes))
    yield Rule("tokens", "lease_until", _ms(patience))
    yield Rule("leases", "until", claim.LEASE_MS, keep=claim.LEASE_MS)
    yield Rule("drains", "until", slots.LIFE_MS, keep=slots.LIFE_MS)
    yield Rule("held_resends", "due_at", delayed_resend.HOLD_MS)
    yield Rule("synchronisations", "held_until", copies.LEASE_MS, where="state = 'running' AND ")
    yield Rule("synchronisations", "started_at", 0)
    yield Rule("synchronisations", "ended_at", 0)
    yield Rule("synchronisations", "retry_at", _ms(AFTER_FAILURE.cap, *probes))
    waits = max(forwarding.LEASE_MS, forwarding.LONGEST_PAUSE_MS, forwarding.NO_ADDRESS_PAUSE_MS)
    yield Rule("inbound_requests", "due_at", waits, where="taken_at IS NULL AND ")
    yield Rule("alert_recipients", "held_until", recipients.LEASE_MS)
    yield Rule("alert_recipients", "again_at", recipients.LONGEST_PAUSE_MS)


def _deliveries(database: Database, channels: Sequence[Channel], longest: int) -> Rule:
    """One look into the index of what is due for each channel and lane, however much there is."""
    columns = {"upstream": "text", "facility_id": "integer", "lane": "smallint"}
    rows = [[channel.upstream, channel.facility_id, int(lane)] for channel in channels for lane in Lane]
    where = f"""id IN (
      SELECT d.id FROM {database.rows(columns, "rows")} AS v CROSS JOIN deliveries AS d
      WHERE d.upstream = v.upstream AND d.facility_id = v.facility_id AND d.lane = v.lane AND d.due_at > :far
    ) AND """
    return Rule("deliveries", "due_at", longest, where=where, names={"rows": as_json(rows)})


def _patience(upstream: UpstreamSpec) -> float:
    """Seconds that a delivery, or a request for a token, may take."""
    timeouts = upstream.profile.timeouts
    return 2 * (timeouts.connect + timeouts.total)


def _ms(*seconds: float) -> int:
    return int(max(seconds) * 1000)
