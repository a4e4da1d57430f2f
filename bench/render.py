"""Rendering a visit and the largest summary against json.dumps of the finished tree."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from adapters.satusehat.preflight import check
from bench.options import Options
from bench.rows import Row, compared
from engine.catalog.catalog import load
from engine.catalog.reading.render import EXAMPLE_FACILITY, placeholder_context
from engine.specs.context import context
from engine.specs.record_type import Operation

CONFIG = Path(__file__).resolve().parent.parent / "config"
CALLS = 2_000
Work = Mapping[str, Callable[[], Any]]


# A finished visit is its richest state; no payload is larger than a summary with all its sections.
MEASURED: tuple[tuple[str, str, Operation], ...] = (
    ("Encounter", "finished", "update"),
    ("Composition", "everything", "create"),
)


def work(name: str, example: str, operation: Operation) -> Work:
    """Return the pieces that are measured."""
    spec = load(CONFIG).specs[name]
    record = spec.examples[example]
    scope = placeholder_context(spec, record, operation=operation)
    payload = spec.payload
    assert payload is not None
    tree = payload.render(scope)
    return {
        "json.dumps": lambda: json.dumps(tree),
        "render": lambda: payload.render(scope),
        "context": lambda: context(spec, record, EXAMPLE_FACILITY, scope["needs"], "x", operation),
        "check": lambda: check(tree),
        "orjson.dumps": lambda: orjson.dumps(tree),
    }


def measure(pieces: Work, rounds: int) -> dict[str, list[float]]:
    """Return microseconds per call, round by round, the pieces interleaved."""
    return {
        name: list(times)
        for name, times in zip(pieces, zip(*(_round(pieces) for _ in range(rounds)), strict=True), strict=True)
    }


def _round(pieces: Work) -> list[float]:
    times = []
    for piece in pieces.values():
        started = time.perf_counter()
        for _ in range(CALLS):
            piece()
        times.append((time.perf_counter() - started) / CALLS * 1e6)
    return times


def rows(options: Options) -> Iterator[Row]:
    """Yield the rows of the report, with the cost of related steps and of loading."""
    for name, example, operation in MEASURED:
        times = measure(work(name, example, operation), options.rounds * 3)
        started = time.perf_counter()
        entries = len(load(CONFIG).specs)
        beside = [f"{piece} {median(times[piece]):.1f} us" for piece in ("context", "check", "orjson.dumps")]
        note = ", ".join([*beside, f"load of {entries} entries {(time.perf_counter() - started) * 1e3:.0f} ms"])
        against = times["json.dumps"]
        yield compared(
            f"payload render, {name}", "json.dumps of the tree", times["render"], against, "<= 1.8", "us", note
        )
