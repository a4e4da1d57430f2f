"""Places of values in a record."""

from __future__ import annotations

from typing import Any

import pytest

from engine.value_rules.places import replaced, top, values_at

RECORD: dict[str, Any] = {
    "sex": "L",
    "home": {"city": "Kota"},
    "parts": [{"unit": "x"}, {"unit": "y"}, {}],
    "tags": ["a", "b"],
}
VALUES = [
    ("sex", ["L"]),
    ("home.city", ["Kota"]),
    ("parts[].unit", ["x", "y", None]),
    ("tags[]", ["a", "b"]),
    ("absent", [None]),
    ("absent.city", []),
    ("sex.city", []),
    ("home[].city", []),
]


@pytest.mark.parametrize(("place", "values"), VALUES)
def test_the_values_at_a_place_are_found(place: str, values: list[Any]) -> None:
    assert list(values_at(RECORD, place)) == values


def test_only_the_old_value_is_replaced() -> None:
    after = replaced(RECORD, "parts[].unit", {'"x"': "mg", "null": "ml"})
    assert after["parts"] == [{"unit": "mg"}, {"unit": "y"}, {"unit": "ml"}]
    assert RECORD["parts"][0] == {"unit": "x"}  # the record as it was handed in is kept


def test_an_absent_field_is_added_only_where_its_mapping_is_there() -> None:
    assert replaced(RECORD, "home.code", {"null": "31"})["home"] == {"city": "Kota", "code": "31"}
    assert replaced(RECORD, "absent.code", {"null": "31"}) == RECORD


def test_a_number_is_no_text() -> None:
    assert replaced({"n": 1}, "n", {'"1"': 2}) == {"n": 1}


@pytest.mark.parametrize(("place", "name"), [("home.city", "home"), ("parts[].unit", "parts"), ("sex", "sex")])
def test_the_field_of_the_record_is_named(place: str, name: str) -> None:
    assert top(place) == name
