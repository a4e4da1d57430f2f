"""Optional fields: a field that the schema declares and a record leaves out becomes null, at every level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.templates.shapes import Shape


@dataclass(frozen=True, slots=True)
class Completion:
    """Fills in missing fields; made once per schema. The record is not changed: completed mappings are copies."""

    nulls: Mapping[str, None] = field(default_factory=dict)
    inner: tuple[tuple[str, Completion], ...] = ()
    items: Completion | None = None

    def __call__(self, value: Any) -> Any:
        """Return the value with null for each declared property that it lacks."""
        if isinstance(value, dict):
            full: dict[str, Any] = {**self.nulls, **value}
            for name, plan in self.inner:
                if full[name] is not None:
                    full[name] = plan(full[name])
            return full
        if self.items is not None and isinstance(value, list):
            return [self.items(item) for item in value]
        return value


def completion(shape: Shape) -> Completion:
    """Return the completion of records of that shape."""
    plans = {name: completion(inner) for name, inner in shape.keys.items()}
    inner = tuple((name, plan) for name, plan in plans.items() if plan.nulls or plan.items is not None)
    items = completion(shape.item) if shape.item is not None else None
    if items is not None and not items.nulls and items.items is None:
        items = None
    return Completion(dict.fromkeys(shape.keys), inner, items)
