"""Compiles the sources of the YAML: clinics' databases that are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from jinja2 import nodes

from adapters.his_database.queries import parameters_of, query_problem
from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.catalog.reading.files import Sections
from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.catalog.sections.source_adoptions import load_adoptions, load_codes
from engine.catalog.sections.source_ends import Targets, load_gone
from engine.catalog.sections.source_examples import check_example
from engine.catalog.sections.source_families import extended
from engine.catalog.sections.upstreams import FACILITY, no_templates
from engine.catalog.sections.watermarks import check_queries, load_watermark, rounds_of
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.context import facility_mapping
from engine.specs.his_source import DAY_PARAMETERS, FurtherRows, HisSource, SourceRead, Watermark, Window
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Spec
from engine.templates.jinja import LeafError, parse
from engine.templates.shapes import ANY, SCALAR, Shape, of_value
from engine.templates.template import Compiler, Template, TemplateError

NAME_LENGTH = 33  # of a source: its credentials are stored as source:NAME, in 40 characters
EVERYTHING_SECONDS = 3600  # between two reads of everything, where the read does not say
EXAMPLE_DAY = date(2026, 3, 10)  # for which the mark of a first round is tried
OWN_TEMPLATES = ("key", "skip")  # of a read, besides those of the record
OWN_NAMES = ("row", "tables", "facility", "name", "item", "first", "last", "record", "loop")


def load_sources(
    sections: Sections, specs: Mapping[str, Spec], mappings: Mapping[str, MappingSpec], faults: Faults
) -> dict[str, HisSource]:
    """Load all sources by name; each read's example must become records that its entry takes."""
    targets: Targets = {**specs, **{mapping.item: mapping for mapping in mappings.values()}}
    ranks = _ranks(specs)
    loaded = {}
    for name, node in sections.sources.items():
        if len(name) > NAME_LENGTH:
            message = f"{name!r} has more than {NAME_LENGTH} characters; shorten it"
            faults.add(sections.keys["sources", name], f"sources.{name}", message)
        loaded[name] = _load(name, node, sections, targets, ranks, mappings, faults)
    return loaded


def _ranks(specs: Mapping[str, Spec]) -> dict[str, int]:
    """Return a number for each entry, larger than those of the entries it needs; in a circle one of them begins."""
    ranks: dict[str, int] = {}

    def rank(name: str, outer: frozenset[str]) -> int:
        if name in ranks or name in outer or name not in specs:
            return ranks.get(name, 0)
        needed = {needed for need in specs[name].needs_for("create") for needed in need.specs}
        ranks[name] = 1 + max((rank(one, outer | {name}) for one in needed), default=0)
        return ranks[name]

    for name in specs:
        rank(name, frozenset())
    return ranks


def _load(
    name: str,
    node: Node,
    sections: Sections,
    targets: Targets,
    ranks: Mapping[str, int],
    mappings: Collection[str],
    faults: Faults,
) -> HisSource:
    path = f"sources.{name}"
    node = extended(node, sections, path, faults)
    tables = node.get("tables")
    if tables is not None:
        no_templates(tables, f"{path}.tables", faults)
    compiler = Compiler(faults, {}, sections.fragments)
    plain = {} if tables is None else tables.plain()
    found = [
        _Read(read_name, read_node, Templates(f"{path}.reads.{read_name}", compiler, faults), plain).load(targets)
        for read_name, read_node in values.entries(node, "reads").items()
    ]
    reads = _in_order([read for read in found if read is not None], ranks)
    return HisSource(
        name=name,
        label=values.label(node, "label", name),
        system=values.text(node, "system"),
        credentials=values.labels(node, "credentials"),
        patience=values.number(node, "patience", 20.0),
        grants=tuple(dict.fromkeys(values.texts(node, "grants"))),
        tables=plain,
        reads={read.name: read for read in reads},
        status_table=values.text(node.get("tell"), "table") or None,
        adopt=load_adoptions(node, {read.name: read for read in reads}, Templates(path, compiler, faults), plain),
        codes=load_codes(node, mappings, path, faults),
    )


def _in_order(reads: Sequence[SourceRead], ranks: Mapping[str, int]) -> list[SourceRead]:
    """Return the reads in the order in which their records need each other.

    Those whose records are taken back by another entry come in the reverse order, where the last of them would be:
    the visit is removed before its registration, in the order in which both are handed in.
    """
    last = max((ranks.get(read.into, 0) for read in reads if _is_undone(read)), default=0)

    def place(read: SourceRead) -> tuple[int, int]:
        rank = ranks.get(read.into, 0)
        return (last, -rank) if _is_undone(read) else (rank, 0)

    return sorted(reads, key=place)


def _is_undone(read: SourceRead) -> bool:
    return read.gone is not None and read.gone.into is not None


class _Read:
    """Compiles one read; `names` grows by what `let` declares."""

    def __init__(self, name: str, node: Node, templates: Templates, tables: Any) -> None:
        self._name, self._node, self._templates, self._tables = name, node, templates, tables
        self._path, self._faults = templates.path, templates.faults
        self._names: dict[str, Shape] = {"row": ANY, "tables": of_value(tables), "facility": FACILITY}

    def load(self, targets: Targets) -> SourceRead | None:
        """Return the read; None, with a fault, if a template that it cannot do without is missing."""
        node, schema = self._node, self._schema(targets)
        further = self._further()
        let = self._let()
        each = self._templates_of("each", self._names)
        names = {**self._names, "name": SCALAR, "item": ANY} if each else self._names
        key = self._templates.required(node, "", "key", names)
        record = self._templates.tree(node, "", "record", names)
        watermark = load_watermark(node, self._templates, names)
        if key is None or record is None:
            return None
        read = SourceRead(
            name=self._name,
            into=values.text(node, "into"),
            by="watermark" if watermark else "all" if values.text(node, "by") == "all" else "window",
            windows=self._windows(watermark),
            query=values.text(node, "query"),
            bounds=self._templates_of("bounds", {"first": SCALAR, "last": SCALAR, "facility": FACILITY}),
            further=further,
            let=let,
            skip=self._templates.expression(node, "", "skip", names),
            because=values.text(node, "because"),
            each=each,
            key=key,
            record=record,
            gone=load_gone(node, self._templates, self._names["tables"], targets),
            columns=tuple(sorted({*_columns(node), *((watermark.column,) if watermark else ())})),
            columns_of=self._columns_of(),
            source=node.source,
            watermark=watermark,
        )
        self._check_queries(read)
        if schema is not None:
            check_example(read, node, self._tables, schema, f"{self._path}.example", self._faults)
        return read

    def _schema(self, targets: Targets) -> Mapping[str, Any] | None:
        into = self._node.get("into")
        if into is not None and into.value not in targets:
            hint = did_you_mean(str(into.value), targets)
            self._faults.add(into.source, f"{self._path}.into", f"no entry {into.value!r}{hint}")
        return targets[str(into.value)].record_schema if into is not None and str(into.value) in targets else None

    def _further(self) -> dict[str, FurtherRows]:
        further = {}
        for name, node in values.entries(self._node, "with").items():
            if self._is_free("with", name):
                self._names[name] = Shape({}, ANY)
            further[name] = FurtherRows(values.text(node, "on"), values.text(node, "query"))
        return further

    def _let(self) -> dict[str, Template]:
        let = {}
        for name in values.entries(self._node, "let"):
            self._is_free("let", name)
            template = self._templates.expression(self._node.get("let"), "let", name, dict(self._names))
            self._names[name] = ANY
            if template is not None:
                let[name] = template
        return let

    def _is_free(self, section: str, name: str) -> bool:
        """Return whether a name is free; it is a fault if not."""
        is_free = name not in self._names and name not in OWN_NAMES
        if not is_free:
            place = self._node.find([section]).keys[name]
            self._faults.add(place, f"{self._path}.{section}.{name}", f"{name!r} is taken; choose another name")
        return is_free

    def _templates_of(self, section: str, names: Names) -> dict[str, Template]:
        inner = self._node.get(section)
        found = {
            name: self._templates.expression(inner, section, name, names)
            for name in values.entries(self._node, section)
        }
        return {name: template for name, template in found.items() if template is not None}

    def _windows(self, watermark: Watermark | None) -> tuple[Window, ...]:
        if watermark is not None:
            return rounds_of(self._node, watermark)
        if values.text(self._node, "by") == "all":
            return (Window(0, int(values.number(self._node, "every", EVERYTHING_SECONDS))),)
        windows = [
            Window(int(values.number(node, "days", 1)), int(values.number(node, "every", 60)))
            for node in values.items(self._node, "windows")
        ]
        if not windows:
            self._templates.missing(self._node, "", "windows", "e.g. windows: [{days: 2, every: 60}]")
        return tuple(sorted(windows, key=lambda window: window.days)) or (Window(1, 60),)

    def _columns_of(self) -> dict[str, tuple[str, ...]]:
        """Return the columns from which each field of the record, $key and $skip are made, also through `let`."""
        let, each = values.entries(self._node, "let"), list(values.entries(self._node, "each").values())
        made: dict[str, list[str]] = {}
        for name, node in let.items():
            made[name] = [*_columns(node), *(one for used in _names(node) for one in made.get(used, ()))]
        made["item"] = [column for node in each for column in _columns(node)]
        record = values.entries(self._node, "record")
        fields = {name: node for name, node in record.items() if not name.startswith("$")}
        own = {name: self._node.get(name) for name in OWN_TEMPLATES}
        fields |= {f"${name}": node for name, node in own.items() if node is not None}
        return {
            name: tuple(dict.fromkeys([*_columns(node), *(one for used in _names(node) for one in made.get(used, ()))]))
            for name, node in fields.items()
        }

    def _check_queries(self, read: SourceRead) -> None:
        if not read.query:  # reported as missing
            return
        if read.watermark is not None:
            check_queries(self._node, self._templates, tuple(read.further))
            self._check_mark(read)
            return
        given = set() if read.by == "all" else set(read.bounds or DAY_PARAMETERS)
        unused = set(read.bounds)
        for place in ("query", *(f"with.{name}.query" for name in read.further)):
            leaf = self._node.find(place.split("."))
            bound = parameters_of(str(leaf.value))
            unused -= bound
            problem = query_problem(str(leaf.value)) or _unbound(bound, given, windowed=read.by == "window")
            if problem:
                self._faults.add(leaf.source, f"{self._path}.{place}", problem)
        for name in sorted(unused):
            source = self._node.find(["bounds"]).keys[name]
            self._faults.add(source, f"{self._path}.bounds.{name}", f"no query has :{name}; use it or remove it")

    def _check_mark(self, read: SourceRead) -> None:
        try:
            read.first_mark(EXAMPLE_DAY, facility_mapping(EXAMPLE_FACILITY))
        except TemplateError as error:
            place = self._node.find(["mark"]).source
            self._faults.add(place, f"{self._path}.mark", f"{error.message}; mend it")


def _unbound(bound: set[str], given: set[str], *, windowed: bool) -> str:
    if missing := sorted(bound - given):
        return f"nothing is given for :{missing[0]}{did_you_mean(missing[0], given)}"
    if windowed and not bound:
        return "names no day; bind it, e.g. BETWEEN :since AND :until"
    return ""


def _columns(node: Node) -> Iterator[str]:
    """Yield the columns of `row` that the templates below a node use."""
    for found in _expressions(node):
        if isinstance(found, nodes.Getattr) and isinstance(found.node, nodes.Name) and found.node.name == "row":
            yield found.attr


def _names(node: Node) -> Iterator[str]:
    """Yield the names that the templates below a node use."""
    for found in _expressions(node):
        if isinstance(found, nodes.Name):
            yield found.name


def _expressions(node: Node) -> Iterator[nodes.Node]:
    """Yield all parts of the expressions below a node."""
    for inner in (*(node.entries or {}).values(), *(node.items or ())):
        yield from _expressions(inner)
    if isinstance(node.value, str) and "{{" in node.value:
        try:
            parts = [part for part in parse(node.value) if not isinstance(part, str)]
        except LeafError:  # reported where the leaf is compiled
            return
        for part in parts:
            yield from (part, *part.find_all(nodes.Node))
