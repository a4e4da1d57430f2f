"""YAML as a tree whose nodes and keys remember file, line and column. Duplicate keys are faults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.source.faults import Faults, Source

# Nodes of one file with its aliases expanded: without a limit a few lines can expand to billions.
MAX_NODES = 200_000

MAX_LEVELS = 64  # levels in one file; the deepest payloads have twenty


class _Loader(yaml.CSafeLoader):
    """Reads plain scalars by the core schema of YAML 1.2: `no`, 010, 1_000, 12:30 and dates are texts."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own name


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?", "-0123456789"),
    ("null", r"null|~|", "n~"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"\Z"), [""])
_CORE = {f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null", "map", "seq")}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A scalar, a mapping (`entries`, with the places of its keys) or a list (`items`)."""

    source: Source
    value: Any = None
    entries: Mapping[str, Node] | None = None
    items: tuple[Node, ...] | None = None
    keys: Mapping[str, Source] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        """Return the entry of a mapping; None if the key is missing or this node is no mapping."""
        return None if self.entries is None else self.entries.get(key)

    def plain(self) -> Any:
        """Return the value without places."""
        if self.entries is not None:
            return {key: node.plain() for key, node in self.entries.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return self.value

    def find(self, steps: Sequence[str | int]) -> Node:
        """Return the node at that path, or its nearest ancestor that exists."""
        node = self
        for step in steps:
            if node.entries is not None and step in node.entries:
                node = node.entries[str(step)]
            elif node.items is not None and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                break
        return node

    def place(self, steps: Sequence[str | int], *, at_key: bool = False) -> Source:
        """Return the place of the value at that path, or of its key."""
        owner = self.find(steps[:-1])
        return owner.keys[str(steps[-1])] if at_key and steps[-1] in owner.keys else self.find(steps).source


def read(path: Path, file: str, faults: Faults) -> Node | None:
    """Return the document of a file, None if it has faults; `file` is its name in faults."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        faults.add(Source(file, before.count(b"\n") + 1, column), "", "not UTF-8; save the file as UTF-8")
        return None
    except OSError as error:
        faults.add(Source(file, 1, 1), "", f"cannot be read: {error.strerror}; every file named must be there")
        return None
    return parse(content, file, faults)


def parse(content: str, file: str, faults: Faults) -> Node | None:
    """Return the document in a text; None if it is faulty or empty."""
    try:
        root = yaml.compose(content, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line, column = _place(error)
        faults.add(Source(file, line + 1, column + 1), "", _syntax(error, content, line, column))
        return None
    except yaml.reader.ReaderError as error:
        before = content[: error.position]
        place = Source(file, before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1)
        faults.add(place, "", f"the character U+{ord(content[error.position]):04X} cannot stand in YAML; remove it")
        return None
    except RecursionError:
        faults.add(Source(file, 1, 1), "", f"nested more than {MAX_LEVELS} levels deep; make it flatter")
        return None
    if root is None:
        faults.add(Source(file, 1, 1), "", "the file is empty; write include, groups, upstreams, fragments or specs")
        return None
    return _Builder(file, faults).build(root)


def _syntax(error: yaml.MarkedYAMLError, content: str, line: int, column: int) -> str:
    lines = content.splitlines()
    text = lines[line] if line < len(lines) else ""
    if "\t" in text[: column + 1]:
        return "YAML syntax: a tab cannot indent; use spaces"
    phrases = [str(phrase) for phrase in (error.problem, error.context) if phrase]
    if phrases and phrases[0].startswith("but "):
        phrases.reverse()
    return f"YAML syntax: {' '.join(phrases)}; check indentation, quotes and colons around here"


def _place(error: yaml.MarkedYAMLError) -> tuple[int, int]:
    """Return the place to correct: for a quote that is never closed, its beginning."""
    unended = error.context_mark is not None and "end of stream" in str(error.problem)
    mark = error.context_mark if unended else error.problem_mark or error.context_mark
    return (mark.line, mark.column) if mark else (0, 0)


class _TooLarge(Exception):
    """A file that is nested too deeply, or whose aliases expand too far, with its place."""

    def __init__(self, source: Source, message: str) -> None:
        super().__init__(message)
        self.source = source


class _Builder:
    """Converts PyYAML's nodes to `Node`; the node of an anchor is built once and shared."""

    def __init__(self, file: str, faults: Faults) -> None:
        self._file = file
        self._faults = faults
        self._built: dict[int, tuple[Node, int]] = {}
        self._open: set[int] = set()

    def build(self, root: yaml.Node) -> Node | None:
        try:
            return self._node(root, "")[0]
        except _TooLarge as error:
            self._faults.add(error.source, "", str(error))
        return None

    def _source(self, node: yaml.Node) -> Source:
        return Source(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _node(self, node: yaml.Node, path: str) -> tuple[Node, int]:
        cached = self._built.get(id(node))
        if cached is not None:
            return cached
        if len(self._open) == MAX_LEVELS:
            raise _TooLarge(self._source(node), f"nested more than {MAX_LEVELS} levels deep; make it flatter")
        if id(node) in self._open:
            raise _TooLarge(self._source(node), "an alias contains itself; write it out")
        self._open.add(id(node))
        built = self._build(node, path)
        self._open.discard(id(node))
        if built[1] > MAX_NODES:
            message = f"more than {MAX_NODES} nodes once its aliases are written out; use fewer aliases"
            raise _TooLarge(self._source(node), message)
        self._built[id(node)] = built
        return built

    def _build(self, node: yaml.Node, path: str) -> tuple[Node, int]:
        source = self._source(node)
        if node.tag not in _CORE:
            self._faults.add(source, path, f"the tag {node.tag!r} is not read; write the value without a tag")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, source, path)
        if isinstance(node, yaml.SequenceNode):
            parts = [self._node(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
            return Node(source, items=tuple(part for part, _ in parts)), 1 + sum(size for _, size in parts)
        try:
            return Node(source, _scalar(node.tag, str(node.value))), 1
        except ValueError:
            self._faults.add(source, path, f"{node.value!r} is not what its tag says; write the value without a tag")
            return Node(source), 1

    def _mapping(self, node: yaml.MappingNode, source: Source, path: str) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        keys: dict[str, Source] = {}
        inherited: list[Node] = []
        size = 1
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._faults.add(self._source(key), path, "a key must be one word or text")
                continue
            # A key is its text as written: 1, 010 and true are codes, not numbers or flags.
            name = str(key.value)
            part, part_size = self._node(value, f"{path}.{name}" if path else name)
            size += part_size
            if name == "<<" and not key.style:
                inherited.extend(part.items if part.items is not None else [part])
            elif name in entries:
                message = f"the key {name!r} is there twice, first in line {keys[name].line}; remove one"
                self._faults.add(self._source(key), path, message)
            else:
                entries[name], keys[name] = part, self._source(key)
        for base in inherited:
            if base.entries is None:
                self._faults.add(base.source, path, "<< takes a mapping or a list of mappings")
            for name, part in (base.entries or {}).items():
                if name not in entries:
                    entries[name], keys[name] = part, base.keys[name]
        return Node(source, entries=entries, keys=keys), size


def _scalar(tag: str, text: str) -> Any:
    match tag.rsplit(":", 1)[-1]:
        case "bool":
            return text == "true"
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "null":
            return None
    return text
