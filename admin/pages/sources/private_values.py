"""Masks what is private in a row of a clinic's database and in its record, and no other number.

Rows have numbers of all kinds, such as those of prescriptions, which look like identifiers of people to the pattern of
texts. So the entry tells which fields are private; else only what has the form of a NIK, a card or a mobile phone is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from admin.pages.shared.formatting import value_text
from engine.identifiers import has_form, masked_by_form
from engine.sources.trial import TriedRow
from engine.specs.his_source import SourceRead
from engine.specs.masked_fields import SHORTEST_LENGTH
from engine.specs.record_type import Spec
from engine.value_rules.fields import fields_read

MAX_VALUE_CHARS = 300


class PrivateValues:
    """The private values of one row, masked wherever they stand in its texts."""

    def __init__(self, spec: Spec | None, read: SourceRead, row: TriedRow) -> None:
        fields = private_fields(spec) if spec is not None else frozenset()
        record = row.made.record or {}
        columns = {column for field in fields for column in read.columns_of.get(field, ())}
        values = [*_scalars(record, fields), *_scalars(row.row, columns)]
        values += spec.identifiers(row.made.record) if spec is not None and row.made.record is not None else ()
        known = {value.strip() for value in values if len(value.strip()) >= SHORTEST_LENGTH}
        self._known = tuple(sorted(known, key=lambda value: (-len(value), value)))

    def hide(self, value: Any) -> str:
        """Return a value as the page shows it."""
        text = orjson.dumps(value).decode() if isinstance(value, dict | list) else value_text(value)
        return masked_by_form(text, self._known)[:MAX_VALUE_CHARS]


def private_fields(spec: Spec) -> frozenset[str]:
    """Return the fields of a record that hold a number of a person.

    They are marked, a masked column or a number of the patient is made of them, or an example has such a number there.
    """
    marked = {str(place[0]) for place in spec.masked}
    shown = fields_read(
        *(column.value for column in spec.columns if column.masked), *(one.value for one in spec.patient_numbers)
    )
    examples = (spec.example, *spec.examples.values())
    exemplary = {name for one in examples for name, value in one.items() if has_form(str(value))}
    return frozenset(marked | shown | exemplary)


def _scalars(values: Mapping[str, Any], names: frozenset[str] | set[str]) -> Iterator[str]:
    for name in names:
        if isinstance(value := values.get(name), str | int):
            yield str(value)
