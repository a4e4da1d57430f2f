"""CSV text that a spreadsheet opens without running formulas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell begins that a spreadsheet would run."""


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """The lines of a table, harmless in a spreadsheet."""
    text = StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    """As text even where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
