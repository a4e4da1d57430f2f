"""Heals due times that a wrong clock has written: a time later than its own rule can ask for becomes now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from engine.alerts import recipients
from engine.catalog.catalog import Catalog
from engine.code_lists import synchronisations
from engine.code_lists.schedule import AFTER_FAILURE
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.delivery.status import Lane
from engine.delivery.types import Channel
from engine.inbound import forwarding
from engine.jobs import mend
from engine.limits.backoff import MAX_WAIT_SECONDS
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS, REFUSED_PAUSE_SECONDS
from engine.outbox import claim, delayed_resend
from engine.outbox.sweep import scheduled_channels
from engine.problems import reviews
from engine.sending.outcomes import LOOK_AFTER_MS
from engine.sending.refused_paths import PAUSE_SECONDS
from engine.sources import schedule
from engine.specs.upstream import UpstreamSpec
from engine.subscribers import positions

MARGIN_MS = 60_000  # beyond what a rule can ask for: the clocks of several machines differ a little

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DueTimeRule:
    """A column, as "table.column", that holds a future time, at most `max_ms` ahead."""

    column: str
    max_ms: int
    keep_ms: int = 0  # a wrong time becomes now plus this, within which a living worker renews it
    parameters: dict[str, Any] = field(default_factory=dict)  # of the column's condition


async def heal(database: Database, catalog: Catalog) -> int:
    """Correct all future times that are too far ahead; return how many."""
    healed = 0
    for rule in rules(catalog, await scheduled_channels(database)):
        now = database.clock()
        parameters = {**rule.parameters, "far": now + rule.max_ms + MARGIN_MS}
        if await database.fetch(_FIND[rule.column], parameters):
            soon = {**parameters, "soon": now + rule.keep_ms}
            n = await database.execute(_HEAL[rule.column], soon)
            table, _, column = rule.column.partition(".")
            log.warning("due_times_healed", table=table, column=column, rows=n)
            healed += n
    return healed


def rules(catalog: Catalog, channels: Sequence[Channel]) -> Iterator[DueTimeRule]:
    """Yield a rule for each column that says when something happens next, except times that a person chose.

    `channels` are those that have something scheduled.
    """
    upstreams = catalog.upstreams.values()
    patience = max((_patience(upstream) for upstream in upstreams), default=0.0)
    pauses = [upstream.breaker.pause for upstream in upstreams]
    backoffs = [spec.retry.cap for spec in catalog.specs.values()]
    rows = [(channel.upstream, channel.facility_id, int(lane)) for channel in channels for lane in Lane]
    longest = _ms(LOOK_AFTER_MS / 1000, MAX_WAIT_SECONDS, *backoffs)
    yield DueTimeRule("deliveries.due_at", longest, parameters={"rows": rows})
    probes = (NO_ACCOUNT_PAUSE_SECONDS, *REFUSED_PAUSE_SECONDS, MAX_WAIT_SECONDS, patience, *pauses)
    yield DueTimeRule("channels.probe_at", _ms(*probes))
    yield DueTimeRule("tokens.lease_until", _ms(patience))
    yield DueTimeRule("leases.until", claim.LEASE_MS, keep_ms=claim.LEASE_MS)
    yield DueTimeRule("drains.until", claim.LIFE_MS, keep_ms=claim.LIFE_MS)
    yield DueTimeRule("pauses.begins_at", 0)
    yield DueTimeRule("pauses.ends_at", _ms(*PAUSE_SECONDS))
    yield DueTimeRule("held_resends.due_at", delayed_resend.HOLD_MS)
    yield DueTimeRule("jobs.starts_at", mend.HOLD_MS)
    yield DueTimeRule("value_rules.starts_at", mend.HOLD_MS)
    yield DueTimeRule("synchronisations.held_until", synchronisations.LEASE_MS)
    yield DueTimeRule("synchronisations.started_at", 0)
    yield DueTimeRule("synchronisations.ended_at", 0)
    yield DueTimeRule("synchronisations.retry_at", _ms(AFTER_FAILURE.cap, *probes))
    waits = max(forwarding.LEASE_MS, forwarding.LONGEST_PAUSE_MS, forwarding.NO_ADDRESS_PAUSE_MS)
    yield DueTimeRule("inbound_requests.due_at", waits)
    yield DueTimeRule("problem_reviews.held_until", reviews.LEASE_MS)
    yield DueTimeRule("alert_recipients.held_until", recipients.LEASE_MS)
    yield DueTimeRule("alert_recipients.again_at", recipients.LONGEST_PAUSE_MS)
    sources = catalog.sources.values()
    reading = max((source.patience for source in sources), default=0.0)
    rounds = [window.every for source in sources for read in source.reads.values() for window in read.windows]
    yield DueTimeRule("clinic_sources.held_until", schedule.LEASE_MS + _ms(reading))
    yield DueTimeRule("clinic_sources.retry_at", schedule.MAX_PAUSE_MS)
    yield DueTimeRule("source_rounds.due_at", _ms(schedule.READ_PAUSE_MS / 1000, *rounds))
    yield DueTimeRule("status_positions.due_at", positions.LONGEST_PAUSE_MS)


def _patience(upstream: UpstreamSpec) -> float:
    """Return the seconds that a delivery, or a request for a token, may take."""
    timeouts = upstream.profile.timeouts
    return 2 * (timeouts.connect + timeouts.total)


def _ms(*seconds: float) -> int:
    return int(max(seconds) * 1000)


_CHANNELS = "upstream text, facility_id integer, lane smallint"
# One index look-up for each channel and lane: the cost does not grow with the number of due deliveries. IS NOT NULL,
# not EXISTS: PostgreSQL would read the table for the first matching row where it believes that most rows match.
_FIND_DELIVERIES = Statement(
    """
SELECT 1 FROM {rows} AS v WHERE (
  SELECT d.id FROM deliveries AS d
  WHERE d.upstream = v.upstream AND d.facility_id = v.facility_id AND d.lane = v.lane AND d.due_at > :far
  ORDER BY d.due_at, d.id LIMIT 1
) IS NOT NULL LIMIT 1
""",
    int,
    rows=_CHANNELS,
)
_TOO_LATE_DELIVERIES = """id IN (
  SELECT d.id FROM {rows} AS v CROSS JOIN deliveries AS d
  WHERE d.upstream = v.upstream AND d.facility_id = v.facility_id AND d.lane = v.lane AND d.due_at > :far
)"""
# The columns of all rules, each with a condition that lets its statements use an index.
_CONDITIONS = {
    "deliveries.due_at": _TOO_LATE_DELIVERIES,
    "channels.probe_at": "true",
    "tokens.lease_until": "true",
    "leases.until": "true",
    "drains.until": "true",
    "pauses.begins_at": "ended_at IS NULL AND begins_at = created_at",  # begun at once, not planned
    "pauses.ends_at": "ended_at IS NULL AND actor = ''",  # those of a person end when the person said
    "held_resends.due_at": "true",
    "jobs.starts_at": "state = 'running'",
    "value_rules.starts_at": "ended_at IS NULL",
    "synchronisations.held_until": "state = 'running'",
    "synchronisations.started_at": "true",
    "synchronisations.ended_at": "true",
    "synchronisations.retry_at": "true",
    "inbound_requests.due_at": "taken_at IS NULL",
    "problem_reviews.held_until": "true",
    "alert_recipients.held_until": "true",
    "alert_recipients.again_at": "true",
    "clinic_sources.held_until": "true",
    "clinic_sources.retry_at": "true",
    "source_rounds.due_at": "true",
    "status_positions.due_at": "true",
}
_ARRAYS = {"deliveries.due_at": {"rows": _CHANNELS}}
_FIND = {
    name: Statement(f"SELECT 1 FROM {table} WHERE {where} AND {column} > :far LIMIT 1", int)
    for name, where in _CONDITIONS.items()
    for table, column in [name.split(".")]
    if table != "deliveries"
} | {"deliveries.due_at": _FIND_DELIVERIES}
_HEAL = {
    name: Command(f"UPDATE {table} SET {column} = :soon WHERE {where} AND {column} > :far", **_ARRAYS.get(name, {}))
    for name, where in _CONDITIONS.items()
    for table, column in [name.split(".")]
}
