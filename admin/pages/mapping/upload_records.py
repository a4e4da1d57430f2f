"""Records of items out of the lines of a table, as the schema of the mapping wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admin.pages.mapping.shared import MappingPage, rendered
from admin.pages.mapping.spreadsheet import Table

YES = {"ya", "yes", "true", "benar", "1", "y", "aktif"}
NO = {"tidak", "no", "false", "salah", "0", "n", "nonaktif"}
MARK = "\x01"
"""A value that no record has."""


def records_of(desk: MappingPage, table: Table) -> tuple[list[dict[str, Any]], list[str]]:
    """The records, and the headings that mean nothing here."""
    names = headings(desk)
    properties = desk.mapping.record_schema.get("properties", {})
    found = {heading: names.get(heading.casefold()) for line in table for heading in line}
    records = [
        {name: _typed(properties[name], cell) for heading, cell in line.items() if (name := found[heading])}
        for line in table
    ]
    return records, [heading for heading, name in found.items() if name is None]


def headings(desk: MappingPage) -> dict[str, str]:
    """Heading in lower case -> property: by its name, its title or the label of the column that shows it."""
    properties: Mapping[str, Any] = desk.mapping.record_schema.get("properties", {})
    said = {}
    for name, schema in properties.items():
        for label in (*_labels(desk, name), schema.get("title")):
            if label:
                said[str(label).casefold()] = name
    return {**said, **{name.casefold(): name for name in properties}}


def _labels(desk: MappingPage, name: str) -> list[str]:
    """The labels of the columns that show the property as it is."""
    scope = desk.mapping.scope({name: MARK}, desk.facility)
    return [column.label for column in desk.mapping.columns if rendered(column.value, scope) == MARK]


def _typed(schema: Mapping[str, Any], cell: Any) -> Any:
    """A cell as the property's type; what cannot be taken so stays, and the schema says what is wrong."""
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
    """1.250,50 and 1250.5 are the same; what is no number stays."""
    text = cell.replace(".", "").replace(",", ".") if "," in cell else cell
    try:
        value = float(text)
    except ValueError:
        return cell
    return int(value) if value.is_integer() else value
