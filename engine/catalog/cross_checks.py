"""Checks references between entries: groups, needed entries, code lists, circles of needs."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalog.reading import values
from engine.catalog.reading.files import Sections
from engine.source.faults import Faults, did_you_mean
from engine.specs.record_type import Spec


def check_relations(sections: Sections, specs: Mapping[str, Spec], faults: Faults) -> None:
    """Add the faults of all entries together."""
    for name, spec in specs.items():
        _check_group(name, spec, sections, faults)
        _check_needs(name, spec, sections, faults)
        _check_codes(name, spec, sections, faults)
    _check_circles(sections, specs, faults)


def _check_group(name: str, spec: Spec, sections: Sections, faults: Faults) -> None:
    if spec.group.id and spec.group.id not in sections.groups:
        node = sections.specs[name].get("group")
        source = sections.keys["specs", name] if node is None else node.source
        hint = did_you_mean(spec.group.id, sections.groups) or "; declare it under groups"
        faults.add(source, f"specs.{name}.group", f"no group {spec.group.id!r}{hint}")


def _check_needs(name: str, spec: Spec, sections: Sections, faults: Faults) -> None:
    for need in spec.needs:
        nodes = values.items(sections.specs[name].find(["needs", need.name]), "spec")
        for node, needed in zip(nodes, need.specs, strict=False):
            if needed not in sections.specs:
                hint = did_you_mean(needed, sections.specs) or "; declare it under specs"
                faults.add(node.source, f"specs.{name}.needs.{need.name}.spec", f"no entry {needed!r}{hint}")


def _check_codes(name: str, spec: Spec, sections: Sections, faults: Faults) -> None:
    for code in spec.codes:
        if code.list not in sections.code_lists:
            source = sections.specs[name].find(["codes", code.name]).source
            hint = did_you_mean(code.list, sections.code_lists) or "; declare it under code_lists"
            faults.add(source, f"specs.{name}.codes.{code.name}.list", f"no code list {code.list!r}{hint}")


def _check_circles(sections: Sections, specs: Mapping[str, Spec], faults: Faults) -> None:
    """Add faults for entries that wait for each other. An entry may need its own type, as a ward its hospital."""
    waits = {
        name: {
            needed: need.name
            for need in spec.needs_for("create")
            for needed in need.specs
            if needed != name and needed in specs
        }
        for name, spec in specs.items()
    }
    reported: set[frozenset[str]] = set()
    for name in waits:
        circle = _circle(name, waits)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            need = waits[name][circle[1]]
            source = sections.specs[name].find(["needs", need, "spec"]).source
            chain = " -> ".join(circle)
            message = f"the needs form a circle: {chain}; drop one or mark it `only: update`"
            faults.add(source, f"specs.{name}.needs.{need}", message)


def _circle(start: str, waits: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the shortest chain of needs from an entry back to itself, empty if there is none."""
    chains = [[start]]
    seen: set[str] = set()
    for chain in chains:
        for needed in waits[chain[-1]]:
            if needed == start:
                return [*chain, start]
            if needed not in seen:
                seen.add(needed)
                chains.append([*chain, needed])
    return []
