"""The fault matrix: fixtures of every case, and the table of all figures at the end of the run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from engine.database.database import wall_clock
from tests.chaos.figures import FaultFigures, table
from tests.chaos.sizes import ALL, REPEATS

FIGURES = "figures"  # property of a test, sent from the process that ran it to the one that reports


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow cases to `make chaos`, and PostgreSQL where the database does not matter."""
    left = [] if ALL else [item for item in items if item.get_closest_marker("chaos") or _has_run_on_sqlite(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _has_run_on_sqlite(item: pytest.Item) -> bool:
    on = getattr(item, "callspec", None)
    return bool(item.get_closest_marker("any_database") and on and on.params.get("database_url") == "postgresql")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.stats.get("passed", [])
    figures = [FaultFigures(**values) for run in passed for name, values in run.user_properties if name == FIGURES]
    if not figures:
        return
    half = f"all of it, {REPEATS} repeats of each kill" if ALL else "the quick half; `make chaos` runs all"
    terminalreporter.section(f"faults survived ({half})")
    for line in table(figures):
        terminalreporter.line(line)
    if path := os.environ.get("ANTAR_CHAOS_REPORT"):
        Path(path).write_text("\n".join(table(figures)) + "\n", "utf-8")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[FaultFigures], None]:
    """Return a function that adds the figures of a case to the run's table."""

    def take(figures: FaultFigures) -> None:
        request.node.user_properties.append((FIGURES, asdict(figures)))

    return take


@pytest.fixture
def clock() -> Callable[[], int]:
    """Return real time, which several processes share."""
    return wall_clock
