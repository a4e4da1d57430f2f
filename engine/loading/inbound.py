"""The inbound services of the YAML."""

from __future__ import annotations

from collections.abc import Mapping

from engine.code_list import CodeList
from engine.faults import Faults, did_you_mean
from engine.inbound import Inbound
from engine.loading import reading
from engine.loading.files import Sections
from engine.loading.upstreams import retention
from engine.marks import Node
from engine.spec import Retention

NAME_LENGTH = 32
"""Characters of a service's name: its credentials are kept as inbound:NAME, in 40."""
COLUMNS = {"polis": ("code", "name"), "shifts": ("poli", "code", "name", "hours", "places")}
"""What the code lists that declare the opening hours must have."""


def load_inbound(sections: Sections, lists: Mapping[str, CodeList], faults: Faults) -> dict[str, Inbound]:
    """All inbound services by name; a list that is not there, or lacks a column, is a fault."""
    for name, node in sections.inbound.items():
        _check_lists(f"inbound.{name}", node, lists, faults)
        if len(name) > NAME_LENGTH:
            message = f"{name!r} has more than {NAME_LENGTH} characters; shorten it"
            faults.add(sections.keys["inbound", name], f"inbound.{name}", message)
    return {name: _load(name, node) for name, node in sections.inbound.items()}


def _load(name: str, node: Node) -> Inbound:
    return Inbound(
        name=name,
        label=reading.text(node, "label", name),
        credentials={key: str(value) for key, value in reading.plain_mapping(node, "credentials").items()},
        token_minutes=int(reading.number(node, "token_minutes", 60)),
        version=int(reading.number(node, "version", 2)),
        polis=reading.text(node, "polis"),
        shifts=reading.text(node, "shifts"),
        per_minute=int(reading.number(node, "per_minute", 300)),
        source="his" if reading.text(node, "source") == "his" else "own",
        patience=reading.number(node, "patience", 5.0),
        retention=retention(node.get("retention"), Retention()),
        texts={key: str(value) for key, value in reading.plain_mapping(node, "texts").items()},
    )


def _check_lists(path: str, node: Node, lists: Mapping[str, CodeList], faults: Faults) -> None:
    for field, wanted in COLUMNS.items():
        place = node.get(field)
        if place is None:
            continue  # the grammar has told it
        found = lists.get(str(place.value))
        if found is None:
            hint = did_you_mean(str(place.value), lists)
            faults.add(place.source, f"{path}.{field}", f"no code list {place.value!r}{hint}")
            continue
        lacking = [column for column in wanted if column not in {each.name for each in found.columns}]
        if lacking:
            message = f"the code list {found.name!r} lacks the column {', '.join(lacking)}; add it there"
            faults.add(place.source, f"{path}.{field}", message)
