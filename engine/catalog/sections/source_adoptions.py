"""Compiles what a source takes over from an older bridge: ids that it has stored, and codes that were mapped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from adapters.his_database.queries import parameters_of, query_problem
from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.catalog.sections.upstreams import FACILITY
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.his_source import DAY_PARAMETERS, Adoption, SourceRead
from engine.templates.shapes import ANY, SCALAR, of_value


def load_adoptions(
    node: Node, reads: Mapping[str, SourceRead], templates: Templates, tables: Any
) -> dict[str, Adoption]:
    """Load the section `adopt` of a source, by name."""
    loaded = {}
    for name, inner in values.entries(node, "adopt").items():
        below = Templates(f"{templates.path}.adopt.{name}", templates.compiler, templates.faults)
        one = _load(name, inner, reads, below, tables)
        if one is not None:
            loaded[name] = one
    return loaded


def _load(name: str, node: Node, reads: Mapping[str, SourceRead], templates: Templates, tables: Any) -> Adoption | None:
    read = values.text(node, "read")
    if read not in reads:
        templates.faults.add(node.source, templates.path, f"no read {read!r}{did_you_mean(read, reads)}")
        return None
    names: Names = {"row": ANY, "tables": of_value(tables), "facility": FACILITY}
    each = {
        item: template
        for item in values.entries(node, "each")
        if (template := templates.expression(node.get("each"), "each", item, names)) is not None
    }
    inside = {**names, "name": SCALAR, "item": ANY} if each else names
    key = templates.expression(node, "", "key", inside)
    reference = templates.expression(node, "", "reference", inside)
    _check_query(node, reads[read], templates)
    if key is None or reference is None:
        return None
    return Adoption(name, read, values.text(node, "query"), each, key, reference)


def _check_query(node: Node, read: SourceRead, templates: Templates) -> None:
    query = values.text(node, "query")
    given = set() if read.by == "all" else set(read.bounds or DAY_PARAMETERS)
    strangers = sorted(parameters_of(query) - given)
    problem = query_problem(query) or (f"nothing is given for :{strangers[0]}" if strangers else "")
    if problem:
        templates.faults.add(node.find(["query"]).source, f"{templates.path}.query", problem)


def load_codes(node: Node, mappings: Collection[str], path: str, faults: Faults) -> dict[str, str]:
    """Load the section `codes` of a source: a query by the mapping."""
    queries = {name: values.text(node.get("codes"), name) for name in values.entries(node, "codes")}
    for name, query in queries.items():
        place = node.find(["codes", name]).source
        if name not in mappings:
            faults.add(place, f"{path}.codes.{name}", f"no mapping {name!r}{did_you_mean(name, mappings)}")
        if problem := query_problem(query):
            faults.add(place, f"{path}.codes.{name}", problem)
    return queries
