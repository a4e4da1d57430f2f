"""Geometry of the charts."""

from __future__ import annotations

from admin.pages.shared.charts import HEIGHT, DataPoint, line, stacked
from engine.queries.history import Outcomes


def test_bars_are_scaled_to_the_highest_and_stand_on_the_axis() -> None:
    chart = stacked([DataPoint("a", Outcomes(6, 2, 2)), DataPoint("b", Outcomes(5)), DataPoint("c", Outcomes())])
    high, half, empty = chart.bars
    assert chart.top == 10
    assert [(part.kind, part.y, part.height) for part in high.parts] == [
        ("sent", 40, 60),
        ("refused", 20, 20),
        ("held", 0, 20),
    ]
    assert half.parts[0].y + half.parts[0].height == HEIGHT
    assert not empty.parts
    assert chart.labels == ("a", "b", "c")


def test_charts_of_one_scale_share_their_top() -> None:
    assert stacked([DataPoint("a", Outcomes(5))], 10).bars[0].parts[0].height == HEIGHT / 2
    assert stacked([DataPoint("a", Outcomes(5))], 3).top == 5


def test_a_part_that_is_not_empty_can_be_seen_and_stays_within_the_chart() -> None:
    [bar] = stacked([DataPoint("a", Outcomes(10_000, 1, 1))]).bars
    assert min(part.height for part in bar.parts) > 1
    assert min(part.y for part in bar.parts) >= 0


def test_a_chart_of_nothing_is_empty() -> None:
    assert stacked([]).labels == ()
    assert stacked([DataPoint("a", Outcomes())]).top == 0


def test_a_line_has_no_point_where_nothing_is_known() -> None:
    assert line([2, None, 1], 100, 12) == "0.0,1.0 100.0,6.0"
    assert line([0, 0], 100, 12) == "0.0,11.0 100.0,11.0"
