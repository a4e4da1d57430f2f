"""Loads the inbound services of the YAML."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalog.reading import values
from engine.catalog.reading.files import Sections
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.code_list import CodeList
from engine.specs.inbound import Inbound
from engine.specs.upstream import Retention

NAME_LENGTH = 32  # of a service: its credentials are stored as inbound:NAME, in 40 characters
# Columns that the code lists with the opening hours must have.
COLUMNS = {"polis": ("code", "name"), "shifts": ("poli", "code", "name", "hours", "places")}


def load_inbound(sections: Sections, lists: Mapping[str, CodeList], faults: Faults) -> dict[str, Inbound]:
    """Load all inbound services by name; an undeclared list, or one that lacks a column, is a fault."""
    for name, node in sections.inbound.items():
        _check_lists(f"inbound.{name}", node, lists, faults)
        if len(name) > NAME_LENGTH:
            message = f"{name!r} has more than {NAME_LENGTH} characters; shorten it"
            faults.add(sections.keys["inbound", name], f"inbound.{name}", message)
    return {name: _load(name, node) for name, node in sections.inbound.items()}


def _load(name: str, node: Node) -> Inbound:
    return Inbound(
        name=name,
        label=values.label(node, "label", name),
        credentials=values.labels(node, "credentials"),
        token_minutes=int(values.number(node, "token_minutes", 60)),
        version=int(values.number(node, "version", 2)),
        polis=values.text(node, "polis"),
        shifts=values.text(node, "shifts"),
        per_minute=int(values.number(node, "per_minute", 300)),
        source="his" if values.text(node, "source") == "his" else "own",
        patience=values.number(node, "patience", 5.0),
        retention=values.fields(node.get("retention"), Retention()),
        texts={key: str(value) for key, value in values.plain_mapping(node, "texts").items()},
    )


def _check_lists(path: str, node: Node, lists: Mapping[str, CodeList], faults: Faults) -> None:
    for field, required in COLUMNS.items():
        place = node.get(field)
        if place is None:
            continue  # the grammar has reported it
        code_list = lists.get(str(place.value))
        if code_list is None:
            hint = did_you_mean(str(place.value), lists)
            faults.add(place.source, f"{path}.{field}", f"no code list {place.value!r}{hint}")
            continue
        declared = {column.name for column in code_list.columns}
        lacking = [column for column in required if column not in declared]
        if lacking:
            message = f"the code list {code_list.name!r} lacks the column {', '.join(lacking)}; add it there"
            faults.add(place.source, f"{path}.{field}", message)
