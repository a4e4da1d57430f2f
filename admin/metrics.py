"""/metrics for Prometheus, from the counters and the health; no patient is in it."""

from __future__ import annotations

from collections.abc import Iterable

from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from admin.access import Right
from admin.health import confine
from admin.traffic import Durations
from engine import counters
from engine.facilities import all_facilities
from engine.health import Health, health
from engine.hub import Hub
from engine.pace import Pace, pace


@get("/metrics", opt={"right": Right.WATCH}, include_in_schema=False, media_type="text/plain")
async def metrics(
    hub: NamedDependency[Hub], durations: NamedDependency[Durations], confined_to: NamedDependency[str | None]
) -> Response[bytes]:
    """Deliveries by status, queues, workers and broker as they are now; how long this process took to answer."""
    facilities = [row for row in await all_facilities(hub.database) if confined_to in (None, row.code)]
    counts = {row.code: await counters.read(hub.database, row.id) for row in facilities}
    found = confine(await health(hub), confined_to)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot([_deliveries(counts), *_health(found), *_pace(await pace(hub.database))]))
    told = generate_latest(registry) + generate_latest(durations.registry)
    return Response(told, media_type="text/plain; version=0.0.4; charset=utf-8")


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


def _health(found: Health) -> Iterable[Metric]:
    yield GaugeMetricFamily("antar_workers_alive", "Workers with a recent heartbeat.", value=found.workers_alive)
    in_flight = sum(worker.in_flight for worker in found.workers if worker.alive)
    yield GaugeMetricFamily("antar_in_flight", "Deliveries claimed and not settled.", value=in_flight)
    yield GaugeMetricFamily("antar_broker_up", "Whether the broker answers.", value=float(found.broker_ok))
    waiting = GaugeMetricFamily(
        "antar_oldest_wait_seconds", "How long the longest waiting delivery is due.", labels=["facility", "upstream"]
    )
    closed = GaugeMetricFamily(
        "antar_channel_closed", "1 while a queue is paused, with its cause.", labels=["facility", "upstream", "cause"]
    )
    for channel in found.channels:
        names = [channel.facility, channel.upstream]
        due = channel.oldest_due
        waiting.add_metric(names, max(0, found.now - due) / 1000 if due else 0)
        closed.add_metric([*names, channel.cause], float(bool(channel.cause)))
    yield waiting
    yield closed


def _pace(found: Pace) -> Iterable[Metric]:
    yield GaugeMetricFamily("antar_attempts_last_hour", "Attempts that began within an hour.", value=found.last_hour)
    latency = GaugeMetricFamily(
        "antar_latency_seconds", "How long the newest requests took.", labels=["upstream", "quantile"]
    )
    for upstream, told in found.latency.items():
        latency.add_metric([upstream, "0.5"], told.median / 1000)
        latency.add_metric([upstream, "0.95"], told.slow / 1000)
    yield latency
