"""/metrics for Prometheus: counters, health and the metrics of this process, without data of patients."""

from __future__ import annotations

from collections.abc import Iterable

from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.exc import SQLAlchemyError

from admin.api.health import confine
from admin.http.access import Right
from admin.http.request_log import Durations
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.health import Health, health, last_backup
from engine.hub import Hub
from engine.outbox import counters
from engine.outbox.pauses.pauses import current_pauses
from engine.queries.backlog import WAITING
from engine.queries.throughput import Throughput, throughput
from engine.sources import states
from engine.sources.ledger import RowOutcome
from engine.telemetry.metrics import ClinicCollector, metrics


@get("/metrics", opt={"right": Right.WATCH, "operator": True}, media_type="text/plain")
async def show_metrics(
    hub: NamedDependency[Hub], durations: NamedDependency[Durations], confined_to: NamedDependency[str | None]
) -> Response[bytes]:
    """Return what the database stores about all processes, and the counts and durations of this one."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(await _stored(hub, confined_to)))
    text = generate_latest(registry) + _of_process(confined_to)
    if confined_to is None:
        text += generate_latest(durations.registry)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _stored(hub: Hub, confined_to: str | None) -> list[Metric]:
    """Return the metrics of the database's content; while it does not answer, only that it does not."""
    up = GaugeMetricFamily("antar_database_up", "Whether the database answers.", value=1)
    try:
        facilities = [row for row in await all_facilities(hub.database) if confined_to in (None, row.code)]
        counts = {row.code: await counters.read(hub.database, row.id) for row in facilities}
        facts = confine(await health(hub), confined_to)
        backup = await _backup(hub)
        return [
            up,
            _deliveries(counts),
            _depth(hub, counts),
            *_health(facts, whole=confined_to is None),
            *await _sources(hub, facilities),
            await _pauses(hub, facilities),
            *_pace(await throughput(hub.database), whole=confined_to is None),
            *backup,
        ]
    except (SQLAlchemyError, OSError):
        return [GaugeMetricFamily("antar_database_up", "Whether the database answers.", value=0)]


def _of_process(confined_to: str | None) -> bytes:
    """Return the metrics of this process; a separate worker serves its own at ANTAR_METRICS_PORT."""
    if confined_to is None:
        return generate_latest(metrics().registry)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ClinicCollector(metrics().registry, confined_to))
    return generate_latest(registry)


async def _backup(hub: Hub) -> list[Metric]:
    at = await last_backup(hub.database)
    if at is None:
        return []
    age = max(0, hub.database.clock() - at) / 1000
    return [GaugeMetricFamily("antar_backup_age_seconds", "Since the last `antar backup` began.", value=age)]


class _Snapshot:
    """Figures that were gathered already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _deliveries(counts: dict[str, dict[str, dict[str, int]]]) -> Metric:
    family = GaugeMetricFamily(
        "antar_deliveries", "Deliveries by facility, record type and status.", labels=["facility", "spec", "status"]
    )
    for facility, specs in counts.items():
        for spec, statuses in specs.items():
            for status, n in statuses.items():
                family.add_metric([facility, spec, status], n)
    return family


def _depth(hub: Hub, counts: dict[str, dict[str, dict[str, int]]]) -> Metric:
    family = GaugeMetricFamily("antar_queue_depth", "Deliveries not settled.", labels=["facility", "upstream"])
    for facility, specs in counts.items():
        depths = dict.fromkeys(hub.catalog.upstreams, 0)
        for name in specs.keys() & hub.catalog.specs.keys():
            waiting = sum(specs[name].get(status, 0) for status in (*WAITING, Status.SENDING))
            depths[hub.catalog.specs[name].upstream.name] += waiting
        for upstream, n in depths.items():
            family.add_metric([facility, upstream], n)
    return family


def _health(facts: Health, *, whole: bool) -> Iterable[Metric]:
    yield GaugeMetricFamily("antar_workers_alive", "Workers with a recent heartbeat.", value=facts.workers_alive)
    beat = GaugeMetricFamily("antar_worker_beat_age_seconds", "Since a worker's heartbeat.", labels=["worker"])
    busy = GaugeMetricFamily("antar_worker_in_flight", "Deliveries that a worker holds.", labels=["worker"])
    for worker in facts.workers:
        beat.add_metric([worker.name], max(0, facts.now - worker.beat_at) / 1000)
        busy.add_metric([worker.name], worker.in_flight)
    if whole:  # a single clinic must not see how busy the others are
        in_flight = sum(worker.in_flight for worker in facts.workers if worker.alive)
        yield from (beat, busy)
        yield GaugeMetricFamily("antar_in_flight", "Deliveries claimed and not settled.", value=in_flight)
    yield GaugeMetricFamily("antar_broker_up", "Whether the broker answers.", value=float(facts.broker_ok))
    waiting = GaugeMetricFamily(
        "antar_oldest_wait_seconds", "How long the longest waiting delivery is due.", labels=["facility", "upstream"]
    )
    closed = GaugeMetricFamily(
        "antar_channel_closed", "1 while a queue is paused, with its cause.", labels=["facility", "upstream", "cause"]
    )
    for channel in facts.channels:
        names = [channel.facility, channel.upstream]
        due = channel.oldest_due
        waiting.add_metric(names, max(0, facts.now - due) / 1000 if due else 0)
        closed.add_metric([*names, channel.cause], float(bool(channel.cause)))
    yield waiting
    yield closed


async def _sources(hub: Hub, facilities: list[FacilityRow]) -> list[Metric]:
    """Return for each read of the running sources since when it was complete, and how many rows are refused."""
    labels = ["facility", "source", "read"]
    age = GaugeMetricFamily("antar_source_age_seconds", "Since a read's last complete round.", labels=labels)
    refused = GaugeMetricFamily("antar_source_refused_rows", "Rows that are refused at present.", labels=labels)
    now = hub.database.clock()
    for facility in facilities if hub.catalog.sources else ():
        running = {
            name for name, one in (await states.states(hub.database, facility.id)).items() if one.state == "running"
        }
        done: dict[tuple[str, str], int] = {}
        for row in await states.rounds(hub.database, facility.id):
            if row.source in running and not row.first_day and row.done_at is not None:
                done[row.source, row.read] = max(done.get((row.source, row.read), 0), row.done_at)
        for (source, read), at in done.items():
            age.add_metric([facility.code, source, read], max(0, now - at) / 1000)
        for count in await states.counts(hub.database, facility.id):
            if count.state == RowOutcome.REFUSED:
                refused.add_metric([facility.code, count.source, count.read], count.n)
    return [age, refused]


async def _pauses(hub: Hub, facilities: list[FacilityRow]) -> Metric:
    """Return the pauses in force; one of all facilities counts in each."""
    labels = ["facility", "upstream", "spec"]
    family = GaugeMetricFamily("antar_paused", "1 while a type, or all of an upstream, is paused.", labels=labels)
    in_force = await current_pauses(hub.database)
    for facility in facilities:
        own = [pause for pause in in_force if pause.facility_id in (None, facility.id)]
        for upstream, spec in sorted({(pause.upstream, pause.spec or "") for pause in own}):
            family.add_metric([facility.code, upstream, spec], 1)
    return family


def _pace(pace: Throughput, *, whole: bool) -> Iterable[Metric]:
    if whole:
        yield GaugeMetricFamily("antar_attempts_last_hour", "Attempts that began in an hour.", value=pace.last_hour)
    latency = GaugeMetricFamily(
        "antar_latency_seconds", "How long the newest requests took.", labels=["upstream", "quantile"]
    )
    for upstream, latencies in pace.latency.items():
        latency.add_metric([upstream, "0.5"], latencies.median / 1000)
        latency.add_metric([upstream, "0.95"], latencies.slow / 1000)
    yield latency
