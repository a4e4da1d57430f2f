"""Filters that clean what clinics' systems store."""

from __future__ import annotations

from typing import Any

import pytest

from engine.templates.cleaning import blank, day, digits, moment, number, numeric, part, plain_date
from tests.engine.templates.trees import value


@pytest.mark.parametrize(
    ("given", "expected"),
    [("", None), (" - ", None), ("0000-00-00", None), (None, None), (" Budi ", "Budi"), ("0", "0"), (0, 0)],
)
def test_blank_knows_what_says_nothing(given: Any, expected: Any) -> None:
    assert blank(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("36,8", 36.8), ("36.5", 36.5), ("80 x/menit", 80), ("-3", -3), ("-", None), (None, None), (7, 7), ("120", 120)],
)
def test_number_reads_commas_points_and_units(given: Any, expected: Any) -> None:
    assert number(given) == expected


@pytest.mark.parametrize("given", ["120/80", "tinggi", "36,8,1", "9" * 400, True])
def test_number_does_not_guess(given: Any) -> None:
    with pytest.raises(ValueError, match="number"):
        number(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("12,4", 12.4), ("7", 7), (7.5, 7.5), ("-", None), (None, None), ("Negatif", None), ("3+", None), ("<0.5", None)],
)
def test_numeric_takes_nothing_but_plain_numbers(given: Any, expected: Any) -> None:
    assert numeric(given) == expected


@pytest.mark.parametrize("given", ["5.600", "10,000", "150.000"])
def test_numeric_takes_no_number_with_two_readings(given: str) -> None:
    assert numeric(given) is None


def test_digits_takes_exactly_so_many() -> None:
    nik = "3171010101010001"
    assert [digits(given, 16) for given in (nik, f" {nik} ", nik[:15], nik[:15] + "x", None, "")] == [
        nik,
        nik,
        *[None] * 4,
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03-10", "2026-03-10"),
        ("2026-03-10 08:00:00", "2026-03-10"),
        ("10/3/2026", "2026-03-10"),
        ("0000-00-00", None),
        ("", None),
        (None, None),
    ],
)
def test_date_writes_one_form(given: str | None, expected: str | None) -> None:
    assert plain_date(given) == expected


@pytest.mark.parametrize("given", ["2026-02-30", "10 Maret", "20260310"])
def test_a_day_that_no_calendar_has_is_an_error(given: str) -> None:
    with pytest.raises(ValueError, match="no date"):
        plain_date(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["2026-03-10", "08:30:15"], "2026-03-10T08:30:15+09:00"),
        (["2026-03-10", "8:30"], "2026-03-10T08:30:00+09:00"),
        ("2026-03-10 08:30:15", "2026-03-10T08:30:15+09:00"),
        (["0000-00-00", "00:00:00"], None),
        (["2026-03-10", None], None),
        (None, None),
    ],
)
def test_moment_joins_date_and_time_in_the_facilitys_zone(given: Any, expected: str | None) -> None:
    assert moment(given, "Asia/Jayapura") == expected


@pytest.mark.parametrize("given", [["2026-03-10", "25:00"], ["2026-03-10", "pagi"], ["2026-03-10"], "2026-03-10"])
def test_moment_does_not_guess(given: Any) -> None:
    with pytest.raises(ValueError, match="time"):
        moment(given, "Asia/Jakarta")


def test_part_is_null_where_there_is_none() -> None:
    parts = [part(*given) for given in (("120/80", "/", 0), ("120/80", "/", 1), ("120", "/", 1), (None, "/", 0))]
    assert parts == ["120", "80", None, None]


def test_day_writes_a_date_as_an_index_has_it() -> None:
    assert day("2026-03-10", "%Y/%m/%d") == "2026/03/10"
    with pytest.raises(ValueError, match="no form"):
        day("2026-03-10", "%A")


def test_templates_have_these_filters() -> None:
    assert value("record.tensi | part('/', 1) | number", tensi="120/80") == 80
    assert value("[record.tgl, record.jam] | moment", tgl="2026-03-10", jam="8:00") == "2026-03-10T08:00:00+07:00"
