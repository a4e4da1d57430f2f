"""Identifiers at the places that a record schema marks."""

from __future__ import annotations

from typing import Any

import pytest

from engine.specs.masked_fields import identifiers_at, masked_places
from tests.config.shipped import catalog, examples

MASKED = {"type": "string", "masked": True}


@pytest.mark.parametrize(
    ("schema", "record", "found"),
    [
        ({"properties": {"a": MASKED}}, {"a": "X1234567", "b": "Y1234567"}, ("X1234567",)),
        ({"properties": {"a": MASKED}}, {"a": "1234"}, ()),
        ({"properties": {"a": MASKED}}, {"a": None}, ()),
        (
            {"properties": {"a": {"items": {"properties": {"b": MASKED}}}}},
            {"a": [{"b": "X1234567"}, {}]},
            ("X1234567",),
        ),
        ({"properties": {"a": {"items": MASKED}}}, {"a": ["AB12345", "X1234567"]}, ("X1234567", "AB12345")),
        (
            {"anyOf": [{"properties": {"a": {"$ref": "#/$defs/n"}}}], "$defs": {"n": MASKED}},
            {"a": "X1234567"},
            ("X1234567",),
        ),
        (
            {"properties": {"a": MASKED, "child": {"$ref": "#"}}},
            {"a": "X1234567", "child": {"a": "Y1234567"}},
            ("X1234567",),
        ),
    ],
)
def test_marked_places_are_found_in_a_record(schema: Any, record: Any, found: tuple[str, ...]) -> None:
    assert identifiers_at(masked_places(schema), record) == found


def test_the_passport_of_a_patient_is_one() -> None:
    spec = catalog().specs["Patient"]
    assert spec.identifiers(examples(spec)["foreigner"]) == ("X1234567",)
    assert spec.identifiers(examples(spec)["example"]) == ()
