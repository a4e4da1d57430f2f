"""One OpenTelemetry trace per delivery, if an endpoint is set; without one the library is not even imported.

A delivery passes through several processes over hours, and only its id is common to them. So the ids of its trace and
of the root span are derived from the delivery's id. Spans hold ids and verdicts, never a path, a body or a person.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.delivery.types import NewAttempt, Settlement
from engine.errors import AntarError
from engine.telemetry.metrics import metrics

# Variables of the OpenTelemetry standard, which its exporter reads itself.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
MAX_REMEMBERED_BATCHES = 1000  # whose claim and preparation are remembered until they are settled
# Spans that wait for a slow endpoint; the default of 2,048 holds those of a few batches, and further ones are lost.
MAX_QUEUED_SPANS = 20_000
NANOSECONDS_PER_MS = 1_000_000

_active: Tracer | None = None


def is_configured(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in ("ANTAR_OTLP_ENDPOINT", *ENDPOINTS))


def start(environ: Mapping[str, str], secret: str, exporter: Any = None) -> Callable[[], None]:
    """Start tracing; the returned function stops it. Trace ids are keyed with `secret`: outsiders cannot guess them."""
    global _active
    try:
        tracer = Tracer(environ, secret, exporter)
    except ImportError as error:
        raise AntarError("tracing needs more packages: pip install -c constraints.txt -e '.[tracing]'") from error
    _active = tracer

    def stop() -> None:
        global _active
        _active = None
        tracer.close()

    return stop


def taken_in(facility: str, spec: str, stored: Iterable[tuple[int, str]], seconds: float) -> None:
    """Trace stored records: the delivery of each, and whether it was accepted, changed or unchanged."""
    if _active is not None:
        _active.taken_in(facility, spec, stored, seconds)


def step(lease: int, name: str, seconds: float) -> None:
    """Remember that a batch was claimed or prepared."""
    if _active is not None:
        _active.step(lease, name, seconds)


def settled(batch: Iterable[Settlement], seconds: float) -> None:
    """Trace a batch that has been settled, with everything remembered about its deliveries."""
    if _active is not None:
        _active.settled(batch, seconds)


class Tracer:
    """Makes spans of steps that have ended."""

    def __init__(self, environ: Mapping[str, str], secret: str, exporter: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._trace = trace
        self._secret = hashlib.blake2b(secret.encode(), digest_size=32).digest()
        self._ids = _ids()
        self._lock = threading.Lock()
        self._steps: OrderedDict[int, list[tuple[str, int, int]]] = OrderedDict()
        resource = Resource.create({"service.name": environ.get("OTEL_SERVICE_NAME", "antar")})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        room = int(environ.get("OTEL_BSP_MAX_QUEUE_SIZE", MAX_QUEUED_SPANS))
        self._provider.add_span_processor(BatchSpanProcessor(exporter or _exporter(environ), max_queue_size=room))
        self._tracer = self._provider.get_tracer("antar")

    def taken_in(self, facility: str, spec: str, stored: Iterable[tuple[int, str]], seconds: float) -> None:
        """Make the root span of a new delivery's trace; a span under the root for a changed record."""
        end = time.time_ns()
        begin = end - int(seconds * 1e9)
        for id_, outcome in stored:
            attributes: dict[str, Any] = {"antar.delivery": id_, "antar.facility": facility, "antar.spec": spec}
            if outcome == "accepted":
                self._root(id_, begin, end, attributes)
            elif outcome == "changed":
                self._span("intake", self._under_root(id_), begin, end, attributes)

    def step(self, lease: int, name: str, seconds: float) -> None:
        end = time.time_ns()
        with self._lock:
            self._steps.setdefault(lease, []).append((name, end - int(seconds * 1e9), end))
            while len(self._steps) > MAX_REMEMBERED_BATCHES:
                self._steps.popitem(last=False)

    def settled(self, batch: Iterable[Settlement], seconds: float) -> None:
        end = time.time_ns()
        for settlement in batch:
            self._settled(settlement, end - int(seconds * 1e9), end)

    def close(self) -> None:
        self._provider.shutdown()

    def _settled(self, settlement: Settlement, begin: int, end: int) -> None:
        delivery = settlement.delivery
        attributes = {
            "antar.delivery": delivery.id,
            "antar.facility": metrics().name_of(delivery.facility_id),
            "antar.spec": delivery.spec,
            "antar.upstream": delivery.upstream,
        }
        context = self._under_root(delivery.id)
        for name, began, ended in self._steps.get(delivery.lease.id, ()):
            self._span(name, context, began, ended, attributes)
        for attempt in settlement.attempts:
            self._attempt(attempt, context, attributes)
        self._span("settle", context, begin, end, {**attributes, "antar.status": settlement.status.value})

    def _attempt(self, attempt: NewAttempt, context: Any, attributes: Mapping[str, Any]) -> None:
        begin, end = attempt.at, attempt.at + attempt.milliseconds
        of_attempt = {**attributes, "antar.operation": attempt.operation, "antar.verdict": str(attempt.verdict)}
        if attempt.http_status:
            of_attempt["http.response.status_code"] = attempt.http_status
        self._span("send", context, begin * NANOSECONDS_PER_MS, end * NANOSECONDS_PER_MS, of_attempt)

    def _root(self, delivery: int, begin: int, end: int, attributes: Mapping[str, Any]) -> None:
        with self._lock:  # the ids are set for the next span
            self._ids.following = self._context_ids(delivery)
            self._span("intake", _nothing(), begin, end, attributes)
            self._ids.following = None

    def _span(self, name: str, context: Any, begin: int, end: int, attributes: Mapping[str, Any]) -> None:
        self._tracer.start_span(name, context=context, start_time=begin, attributes=dict(attributes)).end(end)

    def _context_ids(self, delivery: int) -> tuple[int, int]:
        """Return the ids of the trace and of its root span: the same in every process of the installation."""
        digest = hashlib.blake2b(str(delivery).encode(), key=self._secret, digest_size=24).digest()
        return int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:], "big") or 1

    def _under_root(self, delivery: int) -> Any:
        trace = self._trace
        ids = self._context_ids(delivery)
        sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        return trace.set_span_in_context(
            trace.NonRecordingSpan(trace.SpanContext(*ids, is_remote=True, trace_flags=sampled)), _nothing()
        )


def _nothing() -> Any:
    """Return a context in which no span is open."""
    from opentelemetry.context import Context

    return Context()


def _exporter(environ: Mapping[str, str]) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    ours = environ.get("ANTAR_OTLP_ENDPOINT", "").rstrip("/")
    if not ours:
        return OTLPSpanExporter()
    return OTLPSpanExporter(endpoint=ours if ours.endswith("/v1/traces") else f"{ours}/v1/traces")


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Generates random ids, except for a span whose ids have been set in `following`."""

        following: tuple[int, int] | None = None

        def generate_trace_id(self) -> int:
            return self.following[0] if self.following else super().generate_trace_id()

        def generate_span_id(self) -> int:
            return self.following[1] if self.following else super().generate_span_id()

    return Ids()
