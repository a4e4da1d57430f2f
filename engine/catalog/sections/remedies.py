"""Loads the sections `rules` and `remedies`, which explain an upstream's refusals to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.catalog.reading import values
from engine.catalog.reading.files import Sections
from engine.catalog.sections.upstreams import LoadedUpstream
from engine.source.faults import Faults, Source, did_you_mean
from engine.source.tree import Node
from engine.specs.remedies import Remedies, Remedy, RemedyRule


def with_remedies(
    upstreams: Mapping[str, LoadedUpstream], sections: Sections, faults: Faults
) -> dict[str, LoadedUpstream]:
    """Return the upstreams, each with its rules and remedies."""
    for section, named in (("rules", sections.rules), ("remedies", sections.remedies)):
        for name in named:
            if name not in upstreams:
                hint = did_you_mean(name, upstreams)
                faults.add(sections.keys[section, name], f"{section}.{name}", f"no upstream {name!r}{hint}")
    return {
        name: replace(upstream, spec=replace(upstream.spec, remedies=_remedies(name, sections, faults)))
        for name, upstream in upstreams.items()
    }


def _remedies(upstream: str, sections: Sections, faults: Faults) -> Remedies:
    rules = _rules(upstream, sections.rules.get(upstream), faults)
    groups = dict.fromkeys(rule.group for rule in rules.values())
    first_places: dict[tuple[object, ...], Source] = {}
    remedies: list[Remedy] = []
    list_ = sections.remedies.get(upstream)
    for index, node in enumerate(list_.items or () if list_ else ()):
        path = f"remedies.{upstream}[{index}]"
        remedy = _remedy(node, path, groups, faults)
        _check_types(node, path, upstream, sections, faults)
        first = first_places.setdefault(remedy.conditions, node.source)
        if first is not node.source:
            message = f"has the conditions of the one in {first.file}, line {first.line}; change or remove one"
            faults.add(node.source, path, message)
        remedies.append(remedy)
    return Remedies(tuple(remedies), rules)


def _check_types(node: Node, path: str, upstream: str, sections: Sections, faults: Faults) -> None:
    """Add a fault for each type that is no entry of the upstream: such a remedy would never be shown."""
    entries = {name for name, entry in sections.specs.items() if upstream in values.texts(entry, "upstream")}
    for type_ in values.items(node, "types"):
        if type_.value not in entries:
            hint = did_you_mean(str(type_.value), sorted(entries))
            faults.add(type_.source, f"{path}.types", f"no entry {type_.value!r} of {upstream}{hint}")


def _rules(upstream: str, node: Node | None, faults: Faults) -> dict[str, RemedyRule]:
    rules: dict[str, RemedyRule] = {}
    places: dict[str, Source] = {}
    for group, named in (node.entries or {}).items() if node else ():
        for code, about in (named.entries or {}).items():
            if code in rules:
                message = f"the code {code!r} is there already, in line {places[code].line}; remove one"
                faults.add(named.keys[code], f"rules.{upstream}.{group}.{code}", message)
            else:
                rules[code], places[code] = RemedyRule(group, values.text_of(about)), named.keys[code]
    return rules


def _remedy(node: Node, path: str, groups: Mapping[str, None], faults: Faults) -> Remedy:
    for group in values.items(node, "rules"):
        if group.value not in groups:
            hint = did_you_mean(str(group.value), groups)
            faults.add(group.source, f"{path}.rules", f"no group of rules {group.value!r}{hint}")
    return Remedy(
        title=values.label(node, "title"),
        remedy=values.label(node, "remedy"),
        who=values.text(node, "who"),
        kinds=frozenset(values.texts(node, "kind")),
        codes=frozenset(values.texts(node, "code")),
        rules=frozenset(values.texts(node, "rules")),
        types=frozenset(values.texts(node, "types")),
        words=values.pattern(node.get("words"), f"{path}.words", faults),
        act=values.text(node, "act"),
        own_value=values.flag(node, "own_value", False),
    )
