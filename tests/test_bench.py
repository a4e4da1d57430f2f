"""Foundations of `make bench`: its ratios, and the configurations that it derives from the shipped one."""

from __future__ import annotations

from pathlib import Path

from bench.processes import configuration
from bench.rows import compared
from bench.startup import ENTRIES, many_entries
from engine.catalog.catalog import load
from engine.settings import ROOT


def test_a_ratio_is_formed_within_each_round() -> None:
    row = compared("ours", "theirs", [10.0, 100.0, 30.0], [5.0, 100.0, 10.0], ">= 1", "per s")

    assert (row.ratio, row.absolute) == (2.0, 30.0)


def test_the_measured_configuration_has_the_slots_that_were_asked_for_and_no_rate(tmp_path: Path) -> None:
    upstreams = load(configuration(tmp_path / "config", in_flight=77)).upstreams

    assert {(upstream.concurrency, upstream.rate) for upstream in upstreams.values()} == {(77, None)}


def test_copies_of_the_shipped_entries_make_a_catalog_of_forty(tmp_path: Path) -> None:
    shipped = load(ROOT / "config").specs

    assert len(shipped) < len(load(many_entries(tmp_path / "config")).specs) == ENTRIES
