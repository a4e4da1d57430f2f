"""Values of records and the names of their fields, as people read them."""

from __future__ import annotations

import re

import orjson

from admin.text.words import localized, say
from engine.specs.column_values import BOOLEANS
from engine.specs.record_type import Spec

_ALONE = re.compile(r"\{\{ *record\.([\w.]+)")  # the first field that the expression of a column names


def shown_value(text: str) -> str:
    """Return a value (JSON) in words: a text as it is, a word for nothing, Ya or Tidak."""
    value = orjson.loads(text)
    if value is None or value == "":
        return say("mend.value.none")
    if isinstance(value, bool):
        return say(f"value.{BOOLEANS[value]}")
    return value if isinstance(value, str) else text


def field_labels(spec: Spec) -> dict[str, str]:
    """Return place -> label with the name of the field, from the columns that show the field."""
    labels = {}
    for column in spec.columns:
        for place in _ALONE.findall(column.value.text)[:1]:
            labels[place] = f"{localized(column.label)} ({place})"
    return labels
