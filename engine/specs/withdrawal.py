"""Withdrawal of a record that was handed in by mistake: the fields and values with which the record says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The fields of a record, each with the value that takes the record back."""

    values: Mapping[str, Any]

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Return whether the record says that it was handed in by mistake."""
        return self.values.items() <= record.items()

    def applied(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record with these values."""
        return {**record, **self.values}

    def replaced(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the record says in these fields; fields that it does not have are left out."""
        return {name: record[name] for name in self.values if name in record}

    def undone(self, record: Mapping[str, Any], replaced: Mapping[str, Any]) -> dict[str, Any]:
        """Return a withdrawn record as it was before, with the values that were `replaced`."""
        kept = {name: value for name, value in record.items() if name not in self.values}
        return {**kept, **replaced}
