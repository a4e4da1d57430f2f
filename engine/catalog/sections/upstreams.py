"""An upstream of the YAML: its profile for the adapter, its compiler for the templates."""

from __future__ import annotations

from collections.abc import Iterable
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
    """An upstream with what its entries need of it."""

    spec: UpstreamSpec
    compiler: Compiler
    defaults: Node | None
    inherited: dict[str, Node]  # constants and filters by name


def load_upstreams(sections: Sections, adapters: Iterable[str] | None, faults: Faults) -> dict[str, LoadedUpstream]:
    """All upstreams by name."""
    known = None if adapters is None else tuple(adapters)
    return {name: _upstream(name, node, sections, known, faults) for name, node in sections.upstreams.items()}


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
        label=values.text(node, "label", name),
        area=values.text(node, "area"),
        adapter=values.text(node, "adapter"),
        profile=_profile(name, node, path, faults),
        concurrency=int(values.number(node, "concurrency", 8)),
        rate=values.number(node, "rate", 0) or None,
        retry=retry(node.get("retry"), Retry()),
        breaker=_breaker(node.get("breaker")),
        retention=retention(node.get("retention"), Retention()),
        credentials={key: str(each.value) for key, each in values.entries(node, "credentials").items()},
        statuses={key: str(each.value) for key, each in values.entries(node, "statuses").items()},
    )
    constants, filters = values.entries(node, "constants"), values.entries(node, "filters")
    compiler = _compiler(path, constants, filters, node, sections, faults)
    return LoadedUpstream(spec, compiler, node.get("defaults"), {**constants, **filters})


def _profile(name: str, node: Node, path: str, faults: Faults) -> Profile:
    timeouts = node.get("timeouts")
    return Profile(
        name=name,
        base_path=values.text(node, "base_path"),
        content_type=values.text(node, "content_type", "application/json"),
        timeouts=Timeouts(values.number(timeouts, "connect", 10.0), values.number(timeouts, "total", 30.0)),
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
    for name, each in constants.items():
        no_templates(each, f"{path}.constants.{name}", faults)
    compiler = Compiler(faults, {name: each.plain() for name, each in constants.items()}, sections.fragments)
    for name, each in filters.items():
        compiler.add_filter(name, each, f"{path}.filters.{name}", {"facility": FACILITY})
    return compiler


def no_templates(node: Node, path: str, faults: Faults) -> None:
    """Plain values stay plain: an expression in them would leave as it is written."""
    if isinstance(node.value, str) and "{{" in node.value:
        faults.add(node.source, path, "is taken as it is written; write the expression where it is used")
    for key, inner in (node.entries or {}).items():
        no_templates(inner, f"{path}.{key}", faults)
    for index, inner in enumerate(node.items or ()):
        no_templates(inner, f"{path}[{index}]", faults)


def _extract(node: Node | None, path: str, faults: Faults) -> Extract | None:
    if node is None:
        return None
    found = values.jmes_path(node.get("path"), f"{path}.path", faults)
    pattern = values.pattern(node.get("pattern"), f"{path}.pattern", faults)
    if pattern is not None and pattern.groups < 1:
        place = node.get("pattern") or node
        faults.add(place.source, f"{path}.pattern", "the pattern has no group; put ( ) around what is the code")
    return None if found is None else Extract(found, pattern)


def outcomes(node: Node, path: str, faults: Faults) -> tuple[OutcomeRule, ...]:
    """The outcome rules of an upstream or an entry."""
    rules = enumerate(values.items(node, "outcomes"))
    return tuple(_rule(each, f"{path}.outcomes[{index}]", faults) for index, each in rules)


def _rule(node: Node, path: str, faults: Faults) -> OutcomeRule:
    verdict = node.get("verdict")
    names = [each.value for each in Verdict]
    if verdict is not None and verdict.value not in names:
        hint = did_you_mean(str(verdict.value), names)
        faults.add(verdict.source, f"{path}.verdict", f"no verdict {verdict.value!r}{hint}")
    return OutcomeRule(
        verdict=values.text(node, "verdict", Verdict.REJECTED),
        statuses=tuple(span for each in values.items(node, "status") if (span := _span(each.value)) is not None),
        methods=frozenset(values.texts(node, "method")),
        when=values.jmes_path(node.get("when"), f"{path}.when", faults),
        codes=frozenset(values.texts(node, "code")),
        text=values.pattern(node.get("text"), f"{path}.text", faults),
        media=values.text(node, "media") or None,
        renew=values.flag(node, "renew", False),
        look=values.flag(node, "look", False),
        repeated=values.flag(node, "repeated", False),
    )


def _span(value: object) -> range | None:
    """404 -> that status alone, "4xx" -> all of them."""
    if isinstance(value, int):
        return range(value, value + 1)
    if isinstance(value, str) and len(value) == 3 and value.endswith("xx") and value[0].isdigit():
        return range(int(value[0]) * 100, int(value[0]) * 100 + 100)
    return None


def retry(node: Node | None, base: Retry) -> Retry:
    """A schedule; what it does not say is the base's."""
    return Retry(
        attempts=int(values.number(node, "attempts", base.attempts)),
        first=values.number(node, "first", base.first),
        factor=values.number(node, "factor", base.factor),
        cap=values.number(node, "cap", base.cap),
    )


def retention(node: Node | None, base: Retention) -> Retention:
    """Days of keeping; what it does not say is the base's."""
    return Retention(
        int(values.number(node, "bodies", base.bodies)), int(values.number(node, "attempts", base.attempts))
    )


def _breaker(node: Node | None) -> Breaker:
    base = Breaker()
    return Breaker(int(values.number(node, "failures", base.failures)), values.number(node, "pause", base.pause))
