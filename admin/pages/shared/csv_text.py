"""CSV text that a spreadsheet opens without running formulas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

# A spreadsheet runs a cell that begins with one of these characters.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return a table as CSV in which no cell runs as a formula in a spreadsheet."""
    text = StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    """Return the cell, quoted if a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
