"""Rendering an Encounter against json.dumps of the finished tree.

`python -m bench.render [rounds]` also prints what its neighbours cost and how long loading takes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench.rows import Row, median_ratio
from engine.catalog import load
from engine.context import context
from engine.preview import EXAMPLE_FACILITY, placeholder_context

CONFIG = Path(__file__).resolve().parent.parent / "config"
CALLS = 2_000
ROUNDS = 15
Work = Mapping[str, Callable[[], Any]]


def work() -> Work:
    """The pieces that are measured; the record is a finished visit, its richest state."""
    spec = load(CONFIG).specs["Encounter"]
    record = spec.examples["finished"]
    scope = placeholder_context(spec, record, operation="update")
    payload = spec.payload
    assert payload is not None
    tree = payload.render(scope)
    return {
        "json.dumps": lambda: json.dumps(tree),
        "render": lambda: payload.render(scope),
        "context": lambda: context(spec, record, EXAMPLE_FACILITY, scope["needs"], "x", "update"),
        "orjson.dumps": lambda: orjson.dumps(tree),
    }


def measure(pieces: Work, rounds: int) -> dict[str, list[float]]:
    """Microseconds per call, round by round, the pieces interleaved."""
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


def rows(rounds: int = ROUNDS) -> list[Row]:
    """The row of the report."""
    times = measure(work(), rounds)
    ratio = median_ratio(times["render"], times["json.dumps"])
    return [Row("payload render, Encounter", "json.dumps of the tree", ratio, "<= 8", median(times["render"]), "us")]


def main(rounds: int) -> None:
    for row in rows(rounds):
        print(row)
    for name, times in measure(work(), rounds).items():
        print(f"{name:<44} {median(times):>8.2f} us")
    started = time.perf_counter()
    entries = len(load(CONFIG).specs)
    print(f"{f'load of {entries} entries':<44} {(time.perf_counter() - started) * 1e3:>8.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
