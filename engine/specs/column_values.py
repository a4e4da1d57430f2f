"""Values of a record's columns, as lists search for them and filter by them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from engine.delivery.search_words import words_of
from engine.delivery.status import VALUE_LENGTH
from engine.identifiers import masked
from engine.specs.record_type import Column, Spec
from engine.templates.template import TemplateError

REMEMBERED = 20_000  # texts of columns: names, codes and dates recur from record to record
BOOLEANS = {True: "true", False: "false"}
# A date as records have it; a time of day counts as it is written; its zone is ignored.
ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


class ColumnValue(NamedTuple):
    """A value of a column: `value` is compared, `text` is what the list has, `words` are found by their beginnings."""

    name: str
    value: str
    text: str
    words: tuple[str, ...]


def column_values(spec: Spec, scope: Mapping[str, Any]) -> list[ColumnValue]:
    """Return the values of a record's columns, without any that is, or contains, an identifier of a person.

    A column that cannot be rendered, as with a record of an older version of its type, has no value.
    """
    values: dict[tuple[str, str], ColumnValue] = {}
    known = spec.identifiers(scope["record"])
    for column in spec.columns:
        if column.masked or column.hidden:
            continue
        try:
            rendered = column.value.render(scope)
        except TemplateError:
            continue
        for value in _texts(rendered):
            if masked(value, known) == value and (entry := _value(column, value)) is not None:
                values[entry.name, entry.value] = entry
    return list(values.values())


def written(value: Any) -> str:
    """Return a single value as lists write it: a date as dd/mm/yyyy, with its time of day if it has one."""
    return _written(str(value))


@lru_cache(REMEMBERED)
def _written(value: str) -> str:
    match = ISO_DATE.fullmatch(value)
    return f"{match[3]}/{match[2]}/{match[1]}{f' {match[4]}.{match[5]}' if match[4] else ''}" if match else value


def compared(text: str) -> str:
    """Return a value, or what a person typed to find it, in the form in which both are compared."""
    return " ".join(text.casefold().split())[:VALUE_LENGTH]


def _texts(value: Any) -> Iterator[str]:
    """Yield the single values of a column, whose value may be a list."""
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, bool):
        yield BOOLEANS[value]
    elif value not in (None, ""):
        yield written(value)


def _value(column: Column, text: str) -> ColumnValue | None:
    parts = _compared_and_words(text)
    if parts is None:
        return None
    comparable, words = parts
    if word := column.word(text):
        words = tuple(dict.fromkeys([*words_of(word.id), *words_of(word.en)]))
    return ColumnValue(column.name, comparable, text[:VALUE_LENGTH], words)


@lru_cache(REMEMBERED)
def _compared_and_words(text: str) -> tuple[str, tuple[str, ...]] | None:
    """Return a text as it is compared, and its words; None if it is blank or contains an identifier of a person."""
    comparable = compared(text)
    if not comparable or masked(text) != text:
        return None
    return comparable, tuple(dict.fromkeys(words_of(text)))
