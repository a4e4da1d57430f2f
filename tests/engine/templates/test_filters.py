"""Filters: times in the facility's zone, dates, masking; errors instead of guesses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.templates import filters
from engine.templates.filters import before, epoch_ms, local_date, mask, minutes_until, utc
from engine.templates.template import TemplateError
from tests.engine.templates.trees import render, value

ZONES = st.sampled_from(["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "UTC"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03-10T08:00:00+07:00", "2026-03-10T01:00:00+00:00"),
        ("2026-03-10T08:00:00Z", "2026-03-10T08:00:00+00:00"),
        ("2026-03-10T08:00:00", "2026-03-10T01:00:00+00:00"),
        ("2026-03-10 08:00", "2026-03-10T01:00:00+00:00"),
        ("2026-03-10T00:30+0900", "2026-03-09T15:30:00+00:00"),
        ("2026-03-10T08:00:00.987654+07:00", "2026-03-10T01:00:00+00:00"),
        (None, None),
    ],
)
def test_utc_writes_one_form_only(given: str | None, expected: str | None) -> None:
    assert utc(given, "Asia/Jakarta") == expected


def test_a_time_that_recurs_is_converted_anew_in_another_zone() -> None:
    zones = ["Asia/Jakarta", "Asia/Jayapura", "Asia/Jakarta"]
    assert [utc("2026-03-10T08:00:00", zone) for zone in zones] == [
        "2026-03-10T01:00:00+00:00",
        "2026-03-09T23:00:00+00:00",
        "2026-03-10T01:00:00+00:00",
    ]


def test_a_time_of_any_length_is_converted_and_only_short_ones_are_kept() -> None:
    filters._recurring_utc.cache_clear()
    assert utc(f"2026-03-10T08:00:00.{'1' * 100_000}", "UTC") == "2026-03-10T08:00:00+00:00"
    assert filters._recurring_utc.cache_info().currsize == 0
    for minute in range(filters.RECURRING_TIMES * 2):
        utc(f"2026-03-10T{minute // 60:02}:{minute % 60:02}:00", "UTC")
    assert filters._recurring_utc.cache_info().currsize == filters.RECURRING_TIMES


@pytest.mark.parametrize(
    ("given", "others", "earlier"),
    [
        ("2026-03-10T08:00", ["2026-03-10T09:00"], True),
        ("2026-03-10T08:00", ["2026-03-10T08:00"], False),
        ("2026-03-10T08:00+07:00", ["2026-03-10T02:00Z"], True),  # 09:00 there
        ("2026-03-10T08:00", [None, "2026-03-10T09:00"], True),
        ("2026-03-10T08:00", [], False),
        (None, ["2026-03-10"], False),
        ("2026-03-09", ["2026-03-10T00:00"], True),
        ("2026-03-10", ["2026-03-10T09:00"], False),
        ("2026-03-09T18:00Z", ["2026-03-10"], False),  # the 10th there
    ],
)
def test_before_compares_times_and_days_in_the_clinics_zone(
    given: str | None, others: list[Any], earlier: bool
) -> None:
    assert before(given, *others, time_zone="Asia/Jakarta") is earlier


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "yesterday",
        "2026-03-10",
        "10-03-2026 08:00",
        "2026-13-01T08:00",
        "2026-W11-2T08:00",
        "20260310T080000",
        1773104400,
        True,
    ],
)
def test_utc_refuses_garbage_and_says_what_is_right(garbage: Any) -> None:
    with pytest.raises(ValueError, match=r"no date-time.*; write YYYY-MM-DDThh:mm:ss"):
        utc(garbage, "Asia/Jakarta")


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-12, 14), ZONES)
def test_utc_keeps_the_moment(moment: datetime, offset: int, zone: str) -> None:
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=offset)))
    written = utc(aware.isoformat(), zone)
    assert written is not None
    assert datetime.fromisoformat(written) == aware
    assert (len(written), written[-6:]) == (25, "+00:00")


def test_times_at_the_end_of_the_calendar_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        utc("0001-01-01T00:00:00+07:00", "Asia/Jakarta")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03-10T20:00:00Z", "2026-03-11"),
        ("2026-03-10 23:59", "2026-03-10"),
        ("2026-03-10", "2026-03-10"),
        (None, None),
    ],
)
def test_local_date_is_the_date_of_the_facility(given: str | None, expected: str | None) -> None:
    assert local_date(given, "Asia/Jakarta") == expected


@pytest.mark.parametrize("garbage", ["2026-02-30", "", "20260310", 5])
def test_local_date_refuses_garbage(garbage: Any) -> None:
    with pytest.raises(ValueError, match="write YYYY-MM-DD"):
        local_date(garbage, "Asia/Jakarta")


def test_a_moment_is_told_in_milliseconds() -> None:
    assert epoch_ms("2026-01-05T08:45", "Asia/Jakarta") == 1767577500000
    assert epoch_ms(None, "Asia/Jakarta") is None
    assert value("record.a | epoch_ms", a="2026-01-05T01:45:00Z") == 1767577500000


def test_minutes_until_counts_whole_minutes() -> None:
    assert minutes_until("2026-03-10 08:00", "2026-03-10T02:30:59Z", "Asia/Jakarta") == 90
    assert minutes_until(None, "2026-03-10 08:00", "Asia/Jakarta") is None
    assert value("record.a | minutes_until(end=record.b)", a="2026-03-10 08:00", b="2026-03-10 08:01") == 1


@given(st.text())
def test_mask_shows_at_most_four_characters(text: str) -> None:
    masked = mask(text)
    assert masked is not None
    assert len(masked) == len(text)
    assert sum(a != "*" for a in masked) <= 4


def test_null_passes_through_filters_of_text() -> None:
    for name in (
        "upper",
        "lower",
        "trim",
        "mask",
        "string",
        "urlencode",
        "utc",
        "int",
        "float",
        "round",
        "list",
        "join",
    ):
        assert render(f'{{a: "{{{{ record.x | {name} }}}}", b: 1}}', x=None) == {"b": 1}


def test_numbers_are_not_guessed() -> None:
    assert value("record.x | int", x="12") == 12
    with pytest.raises(TemplateError, match="'12a' is no number"):
        value("record.x | int", x="12a")
    assert value("record.x | int(0)", x="12a") == 0


def test_join_refuses_null_items() -> None:
    with pytest.raises(TemplateError, match="null inside a text"):
        value("record.x | join(', ')", x=["a", None])


def test_now_is_not_reachable() -> None:
    """A payload depends on its record alone, so that it can be rendered again."""
    assert utc(datetime.now(UTC).isoformat(), "UTC") is not None
    with pytest.raises(Exception, match="not known here"):
        value("now()")
