"""Reads the files of a configuration: the root files, the files they include, and the sections of all."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.catalog.reading.grammar import check_grammar
from engine.catalog.reading.values import text_of
from engine.source.faults import Faults, Source
from engine.source.tree import Node, parse, read
from engine.specs.text import Text

DRAFT = "draft"  # name of a draft in faults
ROOT_FILES = ("resources.yaml", "bpjs_jobs.yaml")  # the first is required, the second optional
# Sections that map names to declarations.
SECTIONS = (
    *("upstreams", "fragments", "specs", "code_lists", "inbound"),
    *("mappings", "vocabularies", "rules", "remedies", "use_cases", "sources", "webhooks"),
    "source_families",
)


@dataclass(slots=True)
class Sections:
    """Sections of all files together; `keys` has the place of each declared name."""

    groups: dict[str, Text] = field(default_factory=dict)  # by their Indonesian, which entries name
    rules: dict[str, Node] = field(default_factory=dict)
    remedies: dict[str, Node] = field(default_factory=dict)
    upstreams: dict[str, Node] = field(default_factory=dict)
    fragments: dict[str, Node] = field(default_factory=dict)
    specs: dict[str, Node] = field(default_factory=dict)
    code_lists: dict[str, Node] = field(default_factory=dict)
    inbound: dict[str, Node] = field(default_factory=dict)
    mappings: dict[str, Node] = field(default_factory=dict)
    vocabularies: dict[str, Node] = field(default_factory=dict)
    use_cases: dict[str, Node] = field(default_factory=dict)
    sources: dict[str, Node] = field(default_factory=dict)
    source_families: dict[str, Node] = field(default_factory=dict)
    webhooks: dict[str, Node] = field(default_factory=dict)
    keys: dict[tuple[str, str], Source] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def read_files(directory: Path, faults: Faults) -> Sections:
    """Read all files in order; a duplicate name is a fault that names both places."""
    sections = Sections()
    for path in _root_files(directory, faults):
        _read_file(path, directory, sections, faults)
    return sections


def put_draft(text: str, sections: Sections, faults: Faults) -> None:
    """Put the entries of a draft in place of those of the same names."""
    root = parse(text, DRAFT, faults)
    if root is None:
        return
    check_grammar(root, faults)
    for name in root.entries or {}:
        if name != "specs":
            faults.add(root.source, name, "a draft has `specs` alone; the rest is read from the files")
    specs = root.get("specs")
    for name, node in (specs.entries or {}).items() if specs is not None else ():
        if name not in sections.specs:
            faults.add(node.source, f"specs.{name}", "no entry of that name; a draft changes an entry")
        sections.specs[name] = node
        sections.keys["specs", name] = node.source


def _root_files(directory: Path, faults: Faults) -> Iterator[Path]:
    for file in ROOT_FILES:
        if (directory / file).is_file():
            yield directory / file
        elif file == ROOT_FILES[0]:
            faults.add(Source(file, 1, 1), "", f"is not there; write it in {directory}")


def _read_file(path: Path, directory: Path, sections: Sections, faults: Faults) -> None:
    file = path.relative_to(directory).as_posix()
    if file in sections.files:
        return
    sections.files.append(file)
    root = read(path, file, faults)
    if root is None:
        return
    check_grammar(root, faults)
    if root.entries is None:
        return
    _add_sections(root, sections, faults)
    include = root.get("include")
    for pattern in include.items or () if include is not None else ():
        for included in _included(path.parent, directory, pattern, faults):
            _read_file(included, directory, sections, faults)


def _included(parent: Path, directory: Path, pattern: Node, faults: Faults) -> list[Path]:
    text = pattern.value
    if not isinstance(text, str) or not text:
        return []
    relative = posixpath.normpath(posixpath.join(parent.relative_to(directory).as_posix(), text))
    if relative.startswith(("/", "..")):
        faults.add(pattern.source, "include", f"{text!r} leaves the folder; include files of the configuration only")
        return []
    paths = sorted(path for path in directory.glob(relative) if path.is_file())
    if not paths:
        faults.add(pattern.source, "include", f"{text!r} matches no file; mend the name or remove the line")
    if any(not path.resolve().is_relative_to(directory.resolve()) for path in paths):
        faults.add(pattern.source, "include", f"{text!r} leads out of the folder; copy the file into it")
        return []
    return paths


def _add_sections(root: Node, sections: Sections, faults: Faults) -> None:
    groups = root.get("groups")
    for group in groups.items or () if groups is not None else ():
        declared = text_of(group)
        if declared.id:
            sections.groups.setdefault(declared.id, declared)
    for section in SECTIONS:
        named = root.get(section)
        if named is not None and named.entries is not None:
            _add_named(section, named, sections, faults)


def _add_named(section: str, named: Node, sections: Sections, faults: Faults) -> None:
    target: dict[str, Node] = getattr(sections, section)
    for name, node in (named.entries or {}).items():
        place = named.keys[name]
        first = sections.keys.get((section, name))
        if first is not None:
            message = f"{name!r} is declared already in {first.file}, line {first.line}; rename or remove one"
            faults.add(place, f"{section}.{name}", message)
            continue
        sections.keys[section, name] = place
        target[name] = node
