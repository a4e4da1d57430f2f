"""Checks the example of a read: its rows must become records that the entry takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.catalog.reading.record_schema import SchemaFaults, Validator
from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.context import facility_mapping
from engine.specs.his_source import Made, SourceRead


def check_example(
    read: SourceRead, node: Node, tables: Mapping[str, Any], schema: Mapping[str, Any], path: str, faults: Faults
) -> None:
    """Add a fault for each record of the example that cannot be made or breaks the schema."""
    example = node.get("example")
    if example is None or any(fault.path.startswith(path.removesuffix(".example")) for fault in faults.reported):
        return  # the grammar, or the compiler, has reported it
    plain = example.plain()
    further = {name: plain.get("with", {}).get(name, []) for name in read.further}
    made = list(read.made(plain["row"], further, tables, facility_mapping(EXAMPLE_FACILITY)))
    if not any(one.record is not None for one in made):
        reason = next((_reason(one) for one in made), "no item of `each` has a value")
        faults.add(example.source, path, f"becomes no record: {reason}; mend either")
        return
    try:
        validator = Validator(schema)
    except SchemaFaults:  # reported at the entry
        return
    for one in made:
        problems = [one.problem] if one.problem else validator.problems(one.record) if one.record is not None else ()
        for problem in problems:
            message = f"{problem.path}: {problem.message} (record {one.key!r}); mend either"
            faults.add(example.source, path, message)


def _reason(one: Made) -> str:
    return f"{one.problem.path}: {one.problem.message}" if one.problem else f"skipped, {one.skipped}"
