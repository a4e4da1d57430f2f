"""Loads the configuration into a Catalog, or reports all of its faults at once."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.registry import ADAPTERS
from engine.catalog.cross_checks import check_relations
from engine.catalog.entries.entries import inheriting, load_entry
from engine.catalog.reading.examples import check_examples
from engine.catalog.reading.files import Sections, put_draft, read_files
from engine.catalog.sections.code_lists import load_code_lists
from engine.catalog.sections.inbound import load_inbound
from engine.catalog.sections.mappings import Mapped, load_mappings, mapped
from engine.catalog.sections.remedies import with_remedies
from engine.catalog.sections.sources import load_sources
from engine.catalog.sections.upstreams import LoadedUpstream, load_upstreams
from engine.catalog.sections.use_cases import load_use_cases
from engine.catalog.sections.webhooks import load_webhooks
from engine.json_text import short_hash
from engine.source.faults import Faults, did_you_mean
from engine.specs.code_list import CodeList
from engine.specs.his_source import HisSource
from engine.specs.inbound import Inbound
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Spec
from engine.specs.text import Text
from engine.specs.upstream import UpstreamSpec
from engine.specs.use_case import UseCase
from engine.specs.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Catalog:
    """The declarations of the configuration by name, in the order of the files."""

    specs: Mapping[str, Spec]
    code_lists: Mapping[str, CodeList]
    inbound: Mapping[str, Inbound]
    sources: Mapping[str, HisSource]
    webhooks: Mapping[str, Webhook]
    mappings: Mapping[str, MappingSpec]
    use_cases: Mapping[str, UseCase]
    upstreams: Mapping[str, UpstreamSpec]
    groups: tuple[Text, ...]  # in the order of the dashboard
    hash: str
    files: tuple[str, ...]  # paths relative to the configuration's folder

    @property
    def items(self) -> dict[str, MappingSpec]:
        """Mappings by the type of their items."""
        return {mapping.item: mapping for mapping in self.mappings.values()}

    @property
    def mapped_lists(self) -> set[str]:
        """Names of the code lists whose codes a mapping chooses."""
        return {mapping.catalogue.list.name for mapping in self.mappings.values()}

    @property
    def visit_types(self) -> set[str]:
        """Types whose records are visits."""
        return {case.visit for case in self.use_cases.values()}

    def types_by_path(self, upstream: str) -> dict[str, list[str]]:
        """Return the paths of an upstream, as Spec.path, each with the names of the types that send to it."""
        types: dict[str, list[str]] = {}
        for spec in self.specs.values():
            if spec.upstream.name == upstream and spec.path:
                types.setdefault(spec.path, []).append(spec.name)
        return types


def load(directory: Path, adapters: Collection[str] | None = None, draft: str = "") -> Catalog:
    """Load resources.yaml, bpjs_jobs.yaml and the files that they include; raises ConfigFaults with all faults.

    `adapters` are the names of adapters that an upstream may use; None: those of the registry. `draft` is YAML whose
    entries stand in place of those of the same names.
    """
    with _uncollected():
        return _load(directory, adapters, draft)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector: the objects of a catalog stay, and looking at them took a third of the loading."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(directory: Path, adapters: Collection[str] | None, draft: str) -> Catalog:
    faults = Faults()
    sections = read_files(directory, faults)
    if draft:
        put_draft(draft, sections, faults)
    faults.settle()
    upstreams = load_upstreams(sections, ADAPTERS if adapters is None else adapters, faults)
    upstreams = with_remedies(upstreams, sections, faults)
    code_lists = load_code_lists(directory, sections, upstreams, faults)
    mappings = load_mappings(sections, upstreams, code_lists, faults)
    specs = _load_specs(sections, upstreams, mapped(mappings), faults)
    check_relations(sections, specs, faults)
    use_cases = load_use_cases(sections, upstreams, specs, mappings, faults)
    inbound = load_inbound(sections, code_lists, faults)
    sources = load_sources(sections, specs, mappings, faults)
    webhooks = load_webhooks(sections, specs, faults)
    faults.raise_if_any()
    return Catalog(
        specs=specs,
        code_lists=code_lists,
        inbound=inbound,
        sources=sources,
        webhooks=webhooks,
        mappings=mappings,
        use_cases=use_cases,
        upstreams={name: upstream.spec for name, upstream in upstreams.items()},
        groups=tuple(sections.groups.values()),
        hash=_hash(sections, specs, mappings),
        files=tuple(sections.files),
    )


def _load_specs(
    sections: Sections, upstreams: Mapping[str, LoadedUpstream], mapped: Mapping[str, Mapped], faults: Faults
) -> dict[str, Spec]:
    specs: dict[str, Spec] = {}
    for name, node in sections.specs.items():
        choice = node.get("upstream")
        if choice is None or choice.value not in upstreams:
            source = sections.keys["specs", name] if choice is None else choice.source
            upstream_name = "" if choice is None else str(choice.value)
            hint = did_you_mean(upstream_name, upstreams)
            faults.add(source, f"specs.{name}.upstream", f"no upstream {upstream_name!r}{hint}")
            continue
        earlier = len(faults.reported)
        upstream = upstreams[str(choice.value)]
        entry = inheriting(node, upstream)
        spec = load_entry(name, entry, upstream, sections, mapped, faults)
        if spec is not None:
            specs[name] = spec
            check_examples(spec, entry, clean=len(faults.reported) == earlier, faults=faults)
    return specs


def _hash(sections: Sections, specs: Mapping[str, Spec], mappings: Mapping[str, MappingSpec]) -> str:
    upstreams = {name: node.plain() for name, node in sections.upstreams.items()}
    lists = {name: node.plain() for name, node in sections.code_lists.items()}
    mapped = {name: mapping.hash for name, mapping in mappings.items()}
    inbound = {name: node.plain() for name, node in sections.inbound.items()}
    entries = {name: spec.hash for name, spec in specs.items()}
    cases = {name: node.plain() for name, node in sections.use_cases.items()}
    sources = {name: node.plain() for name, node in {**sections.source_families, **sections.sources}.items()}
    webhooks = {name: node.plain() for name, node in sections.webhooks.items()}
    return short_hash([list(sections.groups), upstreams, entries, lists, inbound, mapped, cases, sources, webhooks])
