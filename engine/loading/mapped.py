"""What entries see of the mappings: the type of their items and the columns of a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.code_list import rows_of
from engine.context import facility_mapping
from engine.loading.render import EXAMPLE_FACILITY
from engine.mapping.spec import MappingSpec
from engine.spec import Known
from engine.templating.shapes import ANY, Shape


@dataclass(frozen=True, slots=True)
class Mapped:
    """One mapping."""

    item: str
    shape: Shape
    example: Known
    """A code; its columns are null where the list shows no example."""


def mapped(mappings: Mapping[str, MappingSpec]) -> dict[str, Mapped]:
    """By the names of the mappings."""
    return {name: _mapped(each) for name, each in mappings.items()}


def _mapped(mapping: MappingSpec) -> Mapped:
    code_list = mapping.catalogue.list
    shape = Shape(dict.fromkeys((column.name for column in code_list.columns), ANY))
    if code_list.example is None:
        return Mapped(mapping.item, shape, Known(f"<{mapping.code}>", dict.fromkeys(shape.keys)))
    [example, *_] = rows_of(code_list, code_list.example, None, facility_mapping(EXAMPLE_FACILITY))
    return Mapped(mapping.item, shape, Known(example.key, example.content))
