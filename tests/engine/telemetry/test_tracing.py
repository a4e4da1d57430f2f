"""Traces: one per delivery through all processes, without patients' data; nothing is imported while they are off."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters.base import Verdict
from engine.settings import ROOT
from engine.telemetry import tracing
from tests.engine.drug_catalog import DrugCatalog
from tests.engine.drug_catalog import drugs as drugs
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio


class ExportedSpans:
    """Exported spans; reading them ends the tracing."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.stop = tracing.start({}, "rahasia", self._exporter)

    def spans(self) -> tuple[ReadableSpan, ...]:
        self.stop()
        return self._exporter.get_finished_spans()


@pytest.fixture
def seen() -> Iterator[ExportedSpans]:
    spans = ExportedSpans()
    yield spans
    spans.stop()


async def test_a_delivery_is_one_trace_from_intake_to_settlement(antar: SmallHub, seen: ExportedSpans) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    spans = seen.spans()
    traces: dict[int, list[str]] = {}
    for span in spans:
        assert span.context is not None
        traces.setdefault(span.context.trace_id, []).append(span.name)
    assert [sorted(names) for names in traces.values()] == [["claim", "intake", "prepare", "send", "settle"]] * 2
    roots = {span.context.span_id for span in spans if span.parent is None and span.context}
    assert {span.parent.span_id for span in spans if span.parent} == roots


async def test_another_process_goes_on_with_the_same_trace(antar: SmallHub, seen: ExportedSpans) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    first = seen.spans()
    later = ExportedSpans()
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.work()
    then = later.spans()
    assert {span.context.trace_id for span in (*first, *then) if span.context} == {
        span.context.trace_id for span in first if span.context
    }
    [sent] = [dict(span.attributes or {}) for span in then if span.name == "send"]
    assert (sent["antar.verdict"], sent["http.response.status_code"]) == ("rejected", 400)


async def test_a_changed_record_goes_on_in_the_trace_of_its_delivery(antar: SmallHub, seen: ExportedSpans) -> None:
    for note in ("pagi", "siang", "siang"):
        await antar.hand_in("Visit", {"id": "V1", "note": note})
    spans = seen.spans()
    assert [(span.name, span.parent is None) for span in spans] == [("intake", True), ("intake", False)]
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    assert len({span.context.span_id for span in spans if span.context}) == 2


class Slow(InMemorySpanExporter):
    """An exporter that waits until the test releases it."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may.wait(10)
        return super().export(spans)


def test_a_slow_endpoint_loses_no_batches() -> None:
    slow = Slow()
    stop = tracing.start({}, "rahasia", slow)
    for first in range(0, 10_000, 500):
        tracing.taken_in("klinik", "Visit", [(first + n, "accepted") for n in range(500)], 0.1)
    slow.may.set()
    stop()
    assert len(slow.get_finished_spans()) == 10_000


async def test_an_item_of_a_mapping_is_no_delivery(drugs: DrugCatalog, seen: ExportedSpans) -> None:
    await drugs.antar.hand_in("Good", {"code": "B1", "name": "Kopi bubuk 10 mg"})
    assert seen.spans() == ()


async def test_nobody_is_told_of_in_a_trace(antar: SmallHub, seen: ExportedSpans) -> None:
    await antar.hand_in("Person", {"id": "RM-1", "nik": "3171010101010001"})
    await antar.hand_in("Visit", {"id": "V-RAHASIA", "person": "RM-1", "note": "SITI RAHASIA"})
    await antar.work()
    exported = "".join(span.to_json() for span in seen.spans())
    assert "antar.delivery" in exported
    for private in ("3171010101010001", "RAHASIA", "RM-1", "/Person"):
        assert private not in exported


async def test_without_an_endpoint_nothing_is_imported() -> None:
    code = "import sys; from admin.commands import processes; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0  # noqa: ASYNC221


@pytest.mark.parametrize("name", ["ANTAR_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
async def test_an_endpoint_in_the_environment_is_a_wish(name: str) -> None:
    assert (tracing.is_configured({name: "http://127.0.0.1:4318"}), tracing.is_configured({})) == (True, False)
