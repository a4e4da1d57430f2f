"""Metrics of a process for Prometheus; labels hold codes of clinics, never anything about a patient."""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from engine.delivery.types import Settlement

ANSWER_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BATCH_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """Metrics of one process, shared by all its event loops; `names` maps the ids of clinics to their codes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.names: dict[int, str] = {}
        where = ["facility", "upstream", "spec"]
        self._attempts = Counter(
            "antar_attempts", "Tries by verdict.", [*where, "operation", "verdict"], registry=self.registry
        )
        self._answers = Histogram(
            "antar_answer_seconds",
            "How long upstreams took.",
            ["facility", "upstream"],
            buckets=ANSWER_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._settled = Counter(
            "antar_settled", "Ends of claims by status.", [*where, "status"], registry=self.registry
        )
        self._records = Counter(
            "antar_records", "Records handed in, by outcome.", ["facility", "spec", "outcome"], registry=self.registry
        )
        self._steps = Histogram(
            "antar_step_seconds",
            "How long a batch took to claim, prepare or settle.",
            ["step"],
            buckets=BATCH_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._returned = Counter("antar_returned", "Deliveries taken back of ended leases.", registry=self.registry)
        self._pruned = Counter("antar_pruned", "Attempts, and what callers asked, looked at.", registry=self.registry)
        self._notifications = Counter(
            "antar_letters", "Alerts and digests.", ["way", "outcome"], registry=self.registry
        )
        self._declare_clinics_systems()
        ProcessCollector(registry=self.registry)

    def _declare_clinics_systems(self) -> None:
        read = ["facility", "source", "read"]
        self._source_rounds = Counter(
            "antar_source_rounds", "Complete rounds of reads of a source.", read, registry=self.registry
        )
        self._source_rows = Counter(
            "antar_source_rows",
            "Rows of complete rounds: all, and those that were taken (new or changed), skipped, refused or gone.",
            [*read, "outcome"],
            registry=self.registry,
        )
        self._source_seconds = Counter(
            "antar_source_seconds", "Seconds that complete rounds took.", read, registry=self.registry
        )
        self._told = Counter(
            "antar_told_events",
            "Settled deliveries of which a clinic's system was told, and tries that failed.",
            ["facility", "account", "outcome"],
            registry=self.registry,
        )

    def name_of(self, facility_id: int) -> str:
        """Return the code of a clinic; its id until the first sweep has filled `names`."""
        return self.names.get(facility_id, str(facility_id))

    def took_in(self, facility: str, spec: str, outcomes: Iterable[str]) -> None:
        for outcome, n in Tally(outcomes).items():
            self._records.labels(facility, spec, outcome).inc(n)

    def settled(self, batch: Iterable[Settlement], seconds: float) -> None:
        """Count a batch of settlements that has been written."""
        self._steps.labels("settle").observe(seconds)
        ends, tries = Tally[tuple[int, str, str, str]](), Tally[tuple[int, str, str, str, str]]()
        seconds_by_channel: dict[tuple[int, str], list[float]] = {}
        for settlement in batch:
            delivery = settlement.delivery
            facility_id, upstream, spec = delivery.facility_id, delivery.upstream, delivery.spec
            ends[facility_id, upstream, spec, settlement.status] += 1
            for attempt in settlement.attempts:
                tries[facility_id, upstream, spec, attempt.operation, attempt.verdict] += 1
                if attempt.method:
                    answers = seconds_by_channel.setdefault((facility_id, upstream), [])
                    answers.append(attempt.milliseconds / 1000)
        for (facility_id, *names), n in ends.items():
            self._settled.labels(self.name_of(facility_id), *names).inc(n)
        for (facility_id, *names), n in tries.items():
            self._attempts.labels(self.name_of(facility_id), *names).inc(n)
        for (facility_id, upstream), answers in seconds_by_channel.items():
            histogram = self._answers.labels(self.name_of(facility_id), upstream)
            for answer_seconds in answers:
                histogram.observe(answer_seconds)

    def step(self, name: str, seconds: float) -> None:
        self._steps.labels(name).observe(seconds)

    def returned(self, n: int) -> None:
        self._returned.inc(n)

    def pruned(self, n: int) -> None:
        self._pruned.inc(n)

    def read_source(self, facility: str, source: str, read: str, counts: Mapping[str, int], milliseconds: int) -> None:
        """Count a complete round."""
        self._source_rounds.labels(facility, source, read).inc()
        self._source_seconds.labels(facility, source, read).inc(max(milliseconds, 0) / 1000)
        for outcome, n in counts.items():
            self._source_rows.labels(facility, source, read, outcome).inc(n)

    def told(self, facility: str, account: str, outcome: str, n: int) -> None:
        """Count events of which a clinic's system was told, or a try that failed."""
        self._told.labels(facility, account, outcome).inc(n)

    def notified(self, way: str, outcome: str) -> None:
        self._notifications.labels(way, outcome).inc()


@cache
def metrics() -> Metrics:
    """Return the metrics of this process."""
    # Without the *_created series: there is one for each counter and histogram, and nobody reads them.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return Metrics()


class ClinicCollector(Collector):
    """Collects the samples of one clinic from a registry; samples without a clinic are left out."""

    def __init__(self, registry: CollectorRegistry, facility: str) -> None:
        self._registry = registry
        self._facility = facility

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if sample.labels.get("facility") == self._facility]
            if metric.samples:
                yield metric


def serve(host: str, port: int) -> threading.Event:
    """Serve the metrics over HTTP in a thread until the returned event is set."""
    server, thread = start_http_server(port, host, metrics().registry)
    stop = threading.Event()

    def wait() -> None:
        stop.wait()
        server.shutdown()
        server.server_close()
        thread.join()

    threading.Thread(target=wait, name="antar-metrics", daemon=True).start()
    return stop
