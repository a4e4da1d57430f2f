"""Foundations of `make bench`: its ratios, and the configurations that it derives from the shipped one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import interactive, official_examples, questions
from bench.cost import Cost, in_words, rates
from bench.options import Options
from bench.processes import configuration
from bench.rows import compared
from bench.startup import ENTRIES, many_entries
from engine.catalog.catalog import load
from engine.settings import ROOT


def test_a_ratio_is_formed_within_each_round() -> None:
    row = compared("ours", "theirs", [10.0, 100.0, 30.0], [5.0, 100.0, 10.0], ">= 1", "per s")

    assert (row.ratio, row.absolute) == (2.0, 30.0)


def test_a_cost_is_told_by_its_medians_and_without_a_database_in_this_process() -> None:
    costs = [Cost(1000.0, 200.0, 50.0), Cost(3000.0, 100.0, 70.0), Cost(2000.0, 150.0, 60.0)]

    assert (rates(costs), costs[0].cpu) == ([1000.0, 3000.0, 2000.0], 250.0)
    assert in_words("full", costs) == "full: 2,000 per s, CPU 150 + 60 us"
    assert in_words("bare", [Cost(2000.0, 26.0, 0.0)]) == "bare: 2,000 per s, CPU 26 us"


def test_the_measured_configuration_has_the_slots_that_were_asked_for_and_no_rate(tmp_path: Path) -> None:
    upstreams = load(configuration(tmp_path / "config", in_flight=77)).upstreams

    assert {(upstream.concurrency, upstream.rate) for upstream in upstreams.values()} == {(77, None)}


def test_copies_of_the_shipped_entries_make_a_catalog_of_sixty(tmp_path: Path) -> None:
    shipped = load(ROOT / "config").specs

    assert len(shipped) < len(load(many_entries(tmp_path / "config")).specs) == ENTRIES


def test_the_slowest_page_is_measured_against_its_limit_and_named() -> None:
    row = interactive.slowest({"dashboard": 150.0, "list": 330.0, "drawer": 210.0})

    assert (row.ratio, row.absolute) == (1.1, 330.0)
    assert row.note == "median of all 210 ms; slowest: list 330, drawer 210, dashboard 150"


@pytest.mark.parametrize("measurement", [interactive, questions])
def test_without_a_browser_the_row_of_the_pages_says_so(monkeypatch: pytest.MonkeyPatch, measurement: Any) -> None:
    monkeypatch.setattr(measurement, "executable", lambda: None)
    [row] = measurement.rows(Options())

    assert "no Chromium" in row.note


def test_official_examples_are_expressed_if_the_entries_have_all_of_their_elements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = {"resourceType": "Location", "status": "active", "name": "R. {{n}}", "unknown": {"inner": 1}}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Location", "status": "active"}}]}
    requests = [{"request": {"method": "POST", "body": {"raw": json.dumps(body)}}} for body in (place, bundle)]
    content = json.dumps({"item": [{"item": requests}, {"request": {"method": "GET"}}]})
    (tmp_path / "01.json").write_text(content, "utf-8")
    official_examples.main(tmp_path)
    assert "| Location | 2 | 1 | unknown 1 |" in capsys.readouterr().out
