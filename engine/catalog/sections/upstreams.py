"""Loads the upstreams of the YAML: profiles for adapters, compilers for templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.base import Profile, Timeouts, Verdict
from adapters.outcome_rules import Extract, OutcomeRule
from engine.catalog.reading import values
from engine.catalog.reading.files import Sections
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.context import FacilityView
from engine.specs.upstream import Breaker, Retention, Retry, UpstreamSpec
from engine.templates.jinja import FILTERS
from engine.templates.shapes import SCALAR, Shape
from engine.templates.template import Compiler

FACILITY = Shape(dict.fromkeys(FacilityView.__dataclass_fields__, SCALAR))
CONTEXT_NAMES = (
    "record",
    "needs",
    "facility",
    "operation",
    "reference",
    "tables",
    "body",
    "candidate",
    "value",
    "loop",
)


@dataclass(frozen=True, slots=True)
class LoadedUpstream:
    """An upstream with the compiler, defaults, constants and filters that its entries use."""

    spec: UpstreamSpec
    compiler: Compiler
    defaults: Node | None
    inherited: dict[str, Node]  # constants and filters by name


def load_upstreams(sections: Sections, adapters: Iterable[str] | None, faults: Faults) -> dict[str, LoadedUpstream]:
    """Load all upstreams by name."""
    names = None if adapters is None else tuple(adapters)
    return {name: _upstream(name, node, sections, names, faults) for name, node in sections.upstreams.items()}


def upstream_of(
    node: Node, path: str, upstreams: Mapping[str, LoadedUpstream], faults: Faults
) -> LoadedUpstream | None:
    """Return the upstream that a declaration names; None, with a fault, if it does not exist."""
    name = values.text(node, "upstream")
    if name not in upstreams:
        place = node.get("upstream") or node
        faults.add(place.source, f"{path}.upstream", f"no upstream {name!r}{did_you_mean(name, upstreams)}")
    return upstreams.get(name)


def _upstream(
    name: str, node: Node, sections: Sections, adapters: tuple[str, ...] | None, faults: Faults
) -> LoadedUpstream:
    path = f"upstreams.{name}"
    adapter = node.get("adapter")
    if adapters is not None and adapter is not None and adapter.value not in adapters:
        hint = did_you_mean(str(adapter.value), adapters)
        faults.add(adapter.source, f"{path}.adapter", f"no adapter {adapter.value!r}{hint}")
    spec = UpstreamSpec(
        name=name,
        label=values.label(node, "label", name),
        area=None if node.get("area") is None else values.label(node, "area"),
        adapter=values.text(node, "adapter"),
        profile=_profile(name, node, path, faults),
        concurrency=int(values.number(node, "concurrency", 8)),
        rate=values.number(node, "rate", 0) or None,
        retry=values.fields(node.get("retry"), Retry()),
        breaker=values.fields(node.get("breaker"), Breaker()),
        retention=values.fields(node.get("retention"), Retention()),
        credentials=values.labels(node, "credentials"),
        statuses=values.labels(node, "statuses"),
    )
    constants, filters = values.entries(node, "constants"), values.entries(node, "filters")
    compiler = _compiler(path, constants, filters, node, sections, faults)
    return LoadedUpstream(spec, compiler, node.get("defaults"), {**constants, **filters})


def _profile(name: str, node: Node, path: str, faults: Faults) -> Profile:
    return Profile(
        name=name,
        base_path=values.text(node, "base_path"),
        content_type=values.text(node, "content_type", "application/json"),
        timeouts=values.fields(node.get("timeouts"), Timeouts()),
        outcomes=outcomes(node, path, faults),
        code=_extract(node.get("code"), f"{path}.code", faults),
        message=_extract(node.get("message"), f"{path}.message", faults),
        place=_extract(node.get("place"), f"{path}.place", faults),
        settings=values.plain_mapping(node, "settings"),
    )


def _compiler(
    path: str, constants: dict[str, Node], filters: dict[str, Node], node: Node, sections: Sections, faults: Faults
) -> Compiler:
    for kind, names, taken in (("constants", constants, CONTEXT_NAMES), ("filters", filters, FILTERS)):
        for name in names:
            if name in taken:
                section = node.get(kind)
                place = section.keys[name] if section is not None else node.source
                faults.add(place, f"{path}.{kind}.{name}", f"{name!r} is taken by Antar itself; choose another name")
    for name, constant in constants.items():
        no_templates(constant, f"{path}.constants.{name}", faults)
    compiler = Compiler(faults, {name: constant.plain() for name, constant in constants.items()}, sections.fragments)
    for name, filter_ in filters.items():
        compiler.add_filter(name, filter_, f"{path}.filters.{name}", {"facility": FACILITY})
    return compiler


def no_templates(node: Node, path: str, faults: Faults) -> None:
    """Add a fault for each expression in plain values, which would be sent as it is written."""
    if isinstance(node.value, str) and "{{" in node.value:
        faults.add(node.source, path, "is taken as it is written; write the expression where it is used")
    for key, inner in (node.entries or {}).items():
        no_templates(inner, f"{path}.{key}", faults)
    for index, inner in enumerate(node.items or ()):
        no_templates(inner, f"{path}[{index}]", faults)


def _extract(node: Node | None, path: str, faults: Faults) -> Extract | None:
    if node is None:
        return None
    jmes_path = values.jmes_path(node.get("path"), f"{path}.path", faults)
    pattern = values.pattern(node.get("pattern"), f"{path}.pattern", faults)
    if pattern is not None and pattern.groups < 1:
        place = node.get("pattern") or node
        faults.add(place.source, f"{path}.pattern", "the pattern has no group; put ( ) around what is the code")
    return None if jmes_path is None else Extract(jmes_path, pattern)


def outcomes(node: Node, path: str, faults: Faults) -> tuple[OutcomeRule, ...]:
    """Compile the outcome rules of an upstream or an entry."""
    rules = enumerate(values.items(node, "outcomes"))
    return tuple(_rule(rule, f"{path}.outcomes[{index}]", faults) for index, rule in rules)


def _rule(node: Node, path: str, faults: Faults) -> OutcomeRule:
    verdict = node.get("verdict")
    names = [verdict_.value for verdict_ in Verdict]
    if verdict is not None and verdict.value not in names:
        hint = did_you_mean(str(verdict.value), names)
        faults.add(verdict.source, f"{path}.verdict", f"no verdict {verdict.value!r}{hint}")
    pauses = node.get("pauses")
    if pauses is not None and values.text(node, "verdict") != Verdict.UNAVAILABLE:
        faults.add(pauses.source, f"{path}.pauses", "goes with `verdict: unavailable`: what is sent there waits")
    return OutcomeRule(
        verdict=values.text(node, "verdict", Verdict.REJECTED),
        statuses=tuple(span for status in values.items(node, "status") if (span := _span(status.value)) is not None),
        methods=frozenset(values.texts(node, "method")),
        when=values.jmes_path(node.get("when"), f"{path}.when", faults),
        codes=frozenset(values.texts(node, "code")),
        text=values.pattern(node.get("text"), f"{path}.text", faults),
        media=values.text(node, "media") or None,
        renew=values.flag(node, "renew", False),
        look=values.flag(node, "look", False),
        repeated=values.flag(node, "repeated", False),
        pauses_path=pauses is not None,
        foreign=values.flag(node, "foreign", False),
    )


def _span(value: object) -> range | None:
    """Return the range of a status: 404 is that status alone, "4xx" all from 400 to 499."""
    if isinstance(value, int):
        return range(value, value + 1)
    if isinstance(value, str) and len(value) == 3 and value.endswith("xx") and value[0].isdigit():
        return range(int(value[0]) * 100, int(value[0]) * 100 + 100)
    return None
