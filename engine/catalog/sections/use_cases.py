"""Compiles the use cases of the YAML, and proves by its example day that a visit can be of each and complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.catalog.reading.files import Sections
from engine.catalog.reading.record_schema import SchemaFaults, Validator
from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.catalog.sections.upstreams import LoadedUpstream
from engine.errors import AntarError
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.context import context
from engine.specs.mapping import MappingSpec
from engine.specs.needs import keys_of_needs
from engine.specs.record_type import Spec
from engine.specs.use_case import ExampleDay, Requirement, UseCase, lacking, recognised, visit_names, visit_of
from engine.templates.shapes import Shape, of_schema


def load_use_cases(
    sections: Sections,
    upstreams: Mapping[str, LoadedUpstream],
    specs: Mapping[str, Spec],
    mappings: Mapping[str, MappingSpec],
    faults: Faults,
) -> dict[str, UseCase]:
    """Load all use cases by name."""
    items = {mapping.item: mapping for mapping in mappings.values()}
    shapes = {name: of_schema(spec.record_schema) for name, spec in specs.items() if spec.visit is not None}
    loaded: dict[str, UseCase] = {}
    for name, node in sections.use_cases.items():
        earlier = len(faults.reported)
        use_case = _load(name, node, sections, upstreams, specs, shapes, faults)
        if use_case is not None:
            loaded[name] = use_case
            _check_types(use_case, node, specs, items, faults)
            if len(faults.reported) == earlier:
                _check_example(use_case, node, specs, items, faults)
    return loaded


def _load(
    name: str,
    node: Node,
    sections: Sections,
    upstreams: Mapping[str, LoadedUpstream],
    specs: Mapping[str, Spec],
    shapes: Mapping[str, Shape],
    faults: Faults,
) -> UseCase | None:
    path, visit = f"use_cases.{name}", values.text(node, "visit")
    if not _belongs_to_visits(visit, node.get("visit") or node, f"{path}.visit", specs, faults):
        return None
    templates = Templates(path, upstreams[specs[visit].upstream.name].compiler, faults)
    when = templates.expression(node, "", "when", _names(shapes, visit))
    since = templates.expression(node, "", "since", {"record": shapes[visit]})
    if when is None or since is None:  # a fault of the grammar or of the template
        return None
    return UseCase(
        name=name,
        label=values.label(node, "label", name),
        description=values.text(node, "description"),
        visit=visit,
        when=when,
        since=since,
        requirements=tuple(_requirements(node, templates, shapes, visit, specs)),
        example=_example(node),
        source=sections.keys["use_cases", name],
    )


def _names(shapes: Mapping[str, Shape], visit: str) -> Names:
    """Return the names that the `when` of a use case and of its needs see."""
    return {
        "record": shapes[visit],
        "records": Shape({name: Shape({}, item=shape) for name, shape in shapes.items()}),
    }


def _requirements(
    entry: Node, templates: Templates, shapes: Mapping[str, Shape], visit: str, specs: Mapping[str, Spec]
) -> Iterator[Requirement]:
    hours = int(values.number(entry, "within_hours", 24))
    for name, node in values.entries(entry, "needs").items():
        type_, path = values.text(node, "type"), f"{templates.path}.needs.{name}.type"
        if _belongs_to_visits(type_, node.get("type") or node, path, specs, templates.faults):
            names: Names = {"record": shapes[type_], "visit": shapes[visit]}
            yield Requirement(
                name=name,
                label=specs[type_].label if node.get("label") is None else values.label(node, "label"),
                spec=type_,
                least=int(values.number(node, "least", 1)),
                when=templates.expression(node, f"needs.{name}", "when", _names(shapes, visit)),
                where=templates.expression(node, f"needs.{name}", "where", names),
                within_hours=int(values.number(node, "within_hours", hours)),
            )


def _example(node: Node) -> ExampleDay:
    day = node.get("example")
    records = {name: tuple(list_.plain() or ()) for name, list_ in values.entries(day, "records").items()}
    return ExampleDay(values.texts(day, "uses"), records)


def _belongs_to_visits(name: str, node: Node, path: str, specs: Mapping[str, Spec], faults: Faults) -> bool:
    """Return whether the entry exists and declares `visit`; else it is a fault."""
    if name not in specs:
        faults.add(node.source, path, f"no entry {name!r}{did_you_mean(name, specs)}")
    elif specs[name].visit is None:
        faults.add(node.source, path, f"{name} does not declare `visit`, to which visit a record belongs; add it there")
    return name in specs and specs[name].visit is not None


def _check_types(
    use_case: UseCase, node: Node, specs: Mapping[str, Spec], items: Mapping[str, MappingSpec], faults: Faults
) -> None:
    """Add faults for unknown types in the example day."""
    path = f"use_cases.{use_case.name}.example"
    known = [*specs, *items]
    for place, name in enumerate(use_case.example.uses):
        if name not in known:
            source = node.find(["example", "uses", place]).source
            faults.add(source, f"{path}.uses[{place}]", f"no entry {name!r}{did_you_mean(name, known)}")
    for name in use_case.example.records:
        if name not in known:
            source = node.find(["example", "records"]).keys[name]
            faults.add(source, f"{path}.records.{name}", f"no entry {name!r}{did_you_mean(name, known)}")


def _check_example(
    use_case: UseCase, node: Node, specs: Mapping[str, Spec], items: Mapping[str, MappingSpec], faults: Faults
) -> None:
    """Add faults for a day that could not be handed in, would wait for ever, or is not complete."""
    earlier = len(faults.reported)
    try:
        _check_records(use_case, node, specs, items, faults)
        if len(faults.reported) == earlier:
            _check_day(use_case, node, specs, items, faults)
    except SchemaFaults:  # reported with the entry
        return
    except AntarError as error:
        faults.add(node.find(["example"]).source, f"use_cases.{use_case.name}.example", f"{error}; mend either")


def _check_records(
    use_case: UseCase, node: Node, specs: Mapping[str, Spec], items: Mapping[str, MappingSpec], faults: Faults
) -> None:
    """Add faults for records that intake would refuse."""
    for name, several in use_case.example.records.items():
        validator = Validator(specs[name].record_schema if name in specs else items[name].record_schema)
        for place, record in enumerate(several):
            at, path = node.find(["example", "records", name, place]), f"use_cases.{use_case.name}.example.records"
            for violation in validator.violations(record):
                where = at.place(violation.steps, at_key=violation.at_key)
                faults.add(where, f"{path}.{name}[{place}]", f"{violation.message}; it must satisfy the entry's record")


def _check_day(
    use_case: UseCase, node: Node, specs: Mapping[str, Spec], items: Mapping[str, MappingSpec], faults: Faults
) -> None:
    path, place = f"use_cases.{use_case.name}.example", node.find(["example"]).source
    day = [(name, record) for name, several in records_of(use_case, specs, items).items() for record in several]
    handed_in = {(name, _key(name, record, specs, items)) for name, record in day}
    for name, record in day:
        for target in _targets(specs[name], record) if name in specs else ():
            if handed_in.isdisjoint(target):
                spec, key = target[0]
                faults.add(place, path, f"{name} needs {spec} {key!r}, which the day does not have; add it")
    visits = use_case.example.records.get(use_case.visit, ())
    keys = {visit_of(specs[use_case.visit], record, EXAMPLE_FACILITY) for record in visits}
    if len(keys) != 1:
        faults.add(place, path, f"has {len(keys)} visits; write the records of one {use_case.visit}")
        return
    mine = _of_visit(use_case, specs, next(iter(keys)))
    names = visit_names(specs, use_case.visit, mine)
    if not recognised(use_case, names):
        source = node.find(["when"]).source
        faults.add(source, f"use_cases.{use_case.name}.when", "is not true of its own example day; mend either")
    for lack in lacking(use_case, names):
        requirement = lack.requirement
        message = f"the example day has {lack.found} such {requirement.spec}, and {requirement.least} are needed"
        faults.add(
            node.find(["needs", requirement.name]).source,
            f"use_cases.{use_case.name}.needs.{requirement.name}",
            f"{message}; mend either",
        )


def records_of(
    use_case: UseCase, specs: Mapping[str, Spec], items: Mapping[str, MappingSpec]
) -> dict[str, list[Mapping[str, Any]]]:
    """Return the whole example day, by type in the order in which it is best handed in."""
    day: dict[str, list[Mapping[str, Any]]] = {}
    for name in use_case.example.uses:
        day.setdefault(name, []).append(specs[name].example if name in specs else items[name].example)
    for name, several in use_case.example.records.items():
        day.setdefault(name, []).extend(several)
    order = [*items, *specs]
    return {name: day[name] for name in sorted(day, key=order.index)}


def _of_visit(use_case: UseCase, specs: Mapping[str, Spec], key: str | None) -> dict[str, list[Mapping[str, Any]]]:
    """Return the records of the example day that belong to a visit, the last one of each key."""
    mine: dict[str, list[Mapping[str, Any]]] = {}
    for name, several in use_case.example.records.items():
        if name in specs:
            last = {_key(name, one, specs, {}): one for one in several}.values()
            mine[name] = [one for one in last if visit_of(specs[name], one, EXAMPLE_FACILITY) == key]
    return mine


def _key(name: str, record: Mapping[str, Any], specs: Mapping[str, Spec], items: Mapping[str, MappingSpec]) -> str:
    if name in specs:
        return str(specs[name].key.render(context(specs[name], record, EXAMPLE_FACILITY)))
    mapping = items[name]
    return str(mapping.key.render({"record": mapping.completion(record), "facility": EXAMPLE_FACILITY}))


def _targets(spec: Spec, record: Mapping[str, Any]) -> Iterator[list[tuple[str, str]]]:
    """Yield for each need of a record, also of its update, the (type, key) of which any will do."""
    for need in keys_of_needs(spec.needs, context(spec, record, EXAMPLE_FACILITY)):
        for key, _ in need.targets:
            yield [(name, key) for name in need.need.specs]
