"""Checks references between entries: groups, needed entries, code lists, circles of needs."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalog.circles import shortest_circle
from engine.catalog.reading import values
from engine.catalog.reading.files import Sections
from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.errors import AntarError
from engine.source.faults import Faults, did_you_mean
from engine.specs.context import context
from engine.specs.needs import keys_of_needs
from engine.specs.record_type import Need, Spec


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
        elif code.refuse_at is not None and sections.code_lists[code.list].get("trusted") is None:
            source = sections.specs[name].find(["codes", code.name, "refuse_at"]).source
            message = f"nothing would be refused: the code list {code.list!r} does not say how long it is `trusted`"
            faults.add(source, f"specs.{name}.codes.{code.name}.refuse_at", message)


def _check_circles(sections: Sections, specs: Mapping[str, Spec], faults: Faults) -> None:
    """Add faults for entries of which every record waits for one of another, in a circle: none could ever be sent.

    Circles that some record leaves are judged by the records; see engine.maintenance.circles.
    """
    waits = {name: _always_needed(spec, specs) for name, spec in specs.items()}
    reported: set[frozenset[str]] = set()
    for name in waits:
        circle = shortest_circle(name, waits)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            need = waits[name][circle[1]]
            source = sections.specs[name].find(["needs", need, "spec"]).source
            chain = " -> ".join(circle)
            message = f"every record waits in a circle: {chain}; give one of them an example without the need"
            faults.add(source, f"specs.{name}.needs.{need}", f"{message}, or mark it `only: update`")


def _always_needed(spec: Spec, specs: Mapping[str, Spec]) -> dict[str, str]:
    """Return needed type -> need, for the needs that each example of an entry has."""
    return {
        need.specs[0]: need.name
        for need in spec.needs_for("create")
        if len(need.specs) == 1 and need.specs[0] in specs and _has_always(spec, need)
    }


def _has_always(spec: Spec, need: Need) -> bool:
    try:
        return all(
            keys_of_needs([need], context(spec, record, EXAMPLE_FACILITY))[0].targets
            for record in (spec.example, *spec.examples.values())
        )
    except AntarError:  # reported by the check of the examples
        return True
