"""Fields by which a list is filtered: one for each column that declares a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admin.pages.shared.filters import COLUMN_PREFIX, ListFilters
from admin.text.words import localized, say
from engine.hub import Hub
from engine.queries.column_search import distinct_values
from engine.specs.column_values import BOOLEANS, compared
from engine.specs.record_type import Column, Spec

MAX_OPTIONS = 30  # values of a drop-down; a column with more of them has a field to type into
FLAGS = frozenset(BOOLEANS.values())


@dataclass(frozen=True, slots=True)
class ColumnField:
    """Field of a column: `options` are (value, label), empty if the value is typed."""

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]]


async def column_fields(hub: Hub, facility_id: int, spec: Spec, chosen: ListFilters) -> list[ColumnField]:
    """Return the fields of a type, each with what is chosen."""
    fields = []
    for column in spec.columns:
        if column.filter:
            values = await distinct_values(hub.database, facility_id, spec.name, column.name, MAX_OPTIONS + 1)
            fields.append(_field(column, values, chosen.column(column.name)))
    return fields


def value_label(column: Column, value: str) -> str:
    """Return a value of a column as the list shows it."""
    if value in FLAGS:
        return say(f"value.{value}")
    word = column.word(value)
    return localized(word) if word else value


def _field(column: Column, values: Sequence[str], typed: str) -> ColumnField:
    name, label = f"{COLUMN_PREFIX}{column.name}", localized(column.label)
    if not 0 < len(values) <= MAX_OPTIONS:
        return ColumnField(name, label, typed, ())
    same = next((value for value in values if compared(value) == compared(typed)), typed)
    options = sorted(((value, value_label(column, value)) for value in values), key=lambda option: option[1].casefold())
    if same and same not in values:
        options.append((same, same))
    return ColumnField(name, label, same, options)
