"""Turns the lines of a table into records of items, typed by the schema of the mapping."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from admin.pages.mapping.shared import MappingPage, render_or_none
from admin.pages.mapping.spreadsheet import Table
from admin.text.words import LANGUAGES

YES = {"ya", "yes", "true", "benar", "1", "y", "aktif"}
NO = {"tidak", "no", "false", "salah", "0", "n", "nonaktif"}
PLACEHOLDER = "\x01"  # a value that no record has


def records_of(page: MappingPage, table: Table) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the records, and the headings that match no property."""
    names = headings(page)
    properties = page.mapping.record_schema.get("properties", {})
    properties_by_heading = {heading: names.get(heading.casefold()) for line in table for heading in line}
    records = [
        {
            name: _typed(properties[name], cell)
            for heading, cell in line.items()
            if (name := properties_by_heading[heading])
        }
        for line in table
    ]
    return records, [heading for heading, name in properties_by_heading.items() if name is None]


def headings(page: MappingPage, languages: Collection[str] = LANGUAGES) -> dict[str, str]:
    """Return heading in lower case -> property, by the property's name, title or the label of its column."""
    properties: Mapping[str, Any] = page.mapping.record_schema.get("properties", {})
    names_by_label = {}
    for name, schema in properties.items():
        for label in (*_labels(page, name, languages), schema.get("title")):
            if label:
                names_by_label[str(label).casefold()] = name
    return {**names_by_label, **{name.casefold(): name for name in properties}}


def _labels(page: MappingPage, name: str, languages: Collection[str]) -> list[str]:
    """Return the labels, in each of the languages, of the columns that show the property unchanged."""
    scope = page.mapping.scope({name: PLACEHOLDER}, page.facility)
    columns = (column for column in page.mapping.columns if render_or_none(column.value, scope) == PLACEHOLDER)
    return [label for column in columns for label in (getattr(column.label, language) for language in languages)]


def _typed(schema: Mapping[str, Any], cell: Any) -> Any:
    """Convert a cell to the property's type; if that fails return it unchanged, so that the schema check reports it."""
    kinds = schema.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "array" in kinds:
        return [part.strip() for part in str(cell).split(";") if part.strip()]
    if "boolean" in kinds and str(cell).casefold() in YES | NO:
        return str(cell).casefold() in YES
    if ("number" in kinds or "integer" in kinds) and isinstance(cell, str):
        return _number(cell)
    if "string" in kinds and not isinstance(cell, str):
        return str(cell).lower() if isinstance(cell, bool) else str(cell)
    return cell


def _number(cell: str) -> Any:
    """Read a number; 1.250,50 and 1250.5 are the same. Return the cell unchanged if it is no number."""
    text = cell.replace(".", "").replace(",", ".") if "," in cell else cell
    try:
        value = float(text)
    except ValueError:
        return cell
    return int(value) if value.is_integer() else value
