"""The files of a configuration: the doors, what they include, and their sections put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.catalog.reading.grammar import check_grammar
from engine.source.faults import Faults, Source
from engine.source.tree import Node, read

DOORS = ("resources.yaml", "bpjs_jobs.yaml")  # the first must be there, the second may be
# Each holds named things.
SECTIONS = (
    *("upstreams", "fragments", "specs", "code_lists", "inbound"),
    *("mappings", "vocabularies", "rules", "remedies"),
)


@dataclass(slots=True)
class Sections:
    """All files together. Each named thing has the place of its name."""

    groups: list[str] = field(default_factory=list)
    rules: dict[str, Node] = field(default_factory=dict)
    remedies: dict[str, Node] = field(default_factory=dict)
    upstreams: dict[str, Node] = field(default_factory=dict)
    fragments: dict[str, Node] = field(default_factory=dict)
    specs: dict[str, Node] = field(default_factory=dict)
    code_lists: dict[str, Node] = field(default_factory=dict)
    inbound: dict[str, Node] = field(default_factory=dict)
    mappings: dict[str, Node] = field(default_factory=dict)
    vocabularies: dict[str, Node] = field(default_factory=dict)
    keys: dict[tuple[str, str], Source] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def read_files(directory: Path, faults: Faults) -> Sections:
    """Read all files in order; a name given twice is a fault that names both places."""
    sections = Sections()
    for path in _doors(directory, faults):
        _read_file(path, directory, sections, faults)
    return sections


def _doors(directory: Path, faults: Faults) -> Iterator[Path]:
    for door in DOORS:
        if (directory / door).is_file():
            yield directory / door
        elif door == DOORS[0]:
            faults.add(Source(door, 1, 1), "", f"is not there; write it in {directory}")


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
    if text.startswith("/") or ".." in Path(text).parts:
        faults.add(pattern.source, "include", f"{text!r} leaves the folder; include files beside or below this one")
        return []
    found = sorted(path for path in parent.glob(text) if path.is_file())
    if not found:
        faults.add(pattern.source, "include", f"{text!r} matches no file; mend the name or remove the line")
    if any(not path.resolve().is_relative_to(directory.resolve()) for path in found):
        faults.add(pattern.source, "include", f"{text!r} leads out of the folder; copy the file into it")
        return []
    return found


def _add_sections(root: Node, sections: Sections, faults: Faults) -> None:
    groups = root.get("groups")
    for group in groups.items or () if groups is not None else ():
        if isinstance(group.value, str) and group.value not in sections.groups:
            sections.groups.append(group.value)
    for section in SECTIONS:
        named = root.get(section)
        if named is not None and named.entries is not None:
            _add_named(section, named, sections, faults)


def _add_named(section: str, named: Node, sections: Sections, faults: Faults) -> None:
    target: dict[str, Node] = getattr(sections, section)
    for name, node in (named.entries or {}).items():
        place = named.keys[name]
        known = sections.keys.get((section, name))
        if known is not None:
            message = f"{name!r} is declared already in {known.file}, line {known.line}; rename or remove one"
            faults.add(place, f"{section}.{name}", message)
            continue
        sections.keys[section, name] = place
        target[name] = node
