"""Definitions of the resource types, read from JSON: shapes, rules, uniqueness, search."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from sandbox.satusehat.resources.paths import Path, parse_path

When = tuple[tuple[Path, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the rule dictionary."""

    element: str  # as the messages name it, e.g. Encounter.participant.individual
    kind: str
    path: Path
    number: int | None = None
    required: bool = False
    systems: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()  # further systems that official examples use; refused in strict mode
    targets: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    future: bool = False
    when: When = ()  # the rule holds only if each path has one of the values
    text: str = ""


@dataclass(frozen=True, slots=True)
class OneCode:
    """Codes of which a path must select at least one, if the paths of `when` have one of their values each."""

    number: int
    path: Path
    codes: frozenset[str]
    when: When
    text: str


@dataclass(frozen=True, slots=True)
class OneOfItsKind:
    """Paths whose values no two resources may share, if the paths of `when` have one of their values each."""

    number: int
    paths: tuple[Path, ...]
    when: When
    text: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    name: str
    kind: str
    path: Path


@dataclass(frozen=True, slots=True)
class Definition:
    """Definition of one type; a type without a file has only the rules that hold for all."""

    rules: tuple[Rule, ...] = ()
    unique_system: str = ""  # Segment of the identifier system whose value may be used once, e.g. "encounter".
    duplicate_text: str = ""
    search: dict[str, SearchParameter] = field(default_factory=dict)
    search_ignored: frozenset[str] = frozenset()
    search_requires: dict[str, str] = field(default_factory=dict)
    read_only: bool = False
    frozen: frozenset[str] = frozenset()  # elements that a PATCH may not touch
    # {"rule", "element", "names"}: at least one of the names must be present.
    one_of: tuple[dict[str, Any], ...] = ()
    # {"first", "then"}: two moments of which the second must not be before the first; with {"rule", "text"} a rule's.
    ordered: tuple[dict[str, str], ...] = ()
    one_code: tuple[OneCode, ...] = ()
    one_of_its_kind: OneOfItsKind | None = None
    patch_only: bool = False  # a PUT is forbidden
    patch_requires: dict[str, str] = field(default_factory=dict)  # element that each PATCH has to name -> refusal
    # {"rule", "prefix"}: the beginning of the code of the drug that the resource refers to.
    drug_prefix: dict[str, Any] = field(default_factory=dict)


@cache
def definition(kind: str) -> Definition:
    """Return the definition of a resource type."""
    stated = _load(kind)
    anywhere = _load("_any")
    search = {**({} if stated else anywhere["search_any"]), **stated.get("search", {}), **anywhere["search"]}
    unique = stated.get("unique", {})
    return Definition(
        rules=tuple(_rule(entry) for entry in stated.get("rules", [])),
        unique_system=unique.get("system", ""),
        duplicate_text=unique.get("text", f"Found duplicate resource: {kind} (RuleNumber: 20002)"),
        search={name: _parameter(name, entry) for name, entry in search.items()},
        search_ignored=frozenset(stated.get("search_ignored", ())),
        search_requires=stated.get("search_requires", {}),
        read_only=stated.get("read_only", False),
        frozen=frozenset(stated.get("frozen", ())),
        one_of=tuple(stated.get("one_of", ())),
        ordered=tuple(stated.get("ordered", ())),
        one_code=tuple(_one_code(entry) for entry in stated.get("one_code", ())),
        one_of_its_kind=_one_of_its_kind(stated.get("one_of_its_kind")),
        patch_only=stated.get("patch_only", False),
        patch_requires=stated.get("patch_requires", {}),
        drug_prefix=stated.get("drug_prefix", {}),
    )


@cache
def shape(name: str) -> dict[str, str] | None:
    """Return {element: type} of a resource type, one of its parts, or a datatype; None where none is stated."""
    own: dict[str, dict[str, str]] = _load(name.partition(".")[0]).get("elements", {})
    datatypes: dict[str, dict[str, str]] = _load("_datatypes")["elements"]
    return own.get(name) or datatypes.get(name)


@cache
def denied(access_class: str) -> frozenset[str]:
    """Return the types that a kind of facility may not send (20004)."""
    return frozenset(_load("_access").get(access_class, {}).get("denied", ()))


@cache
def _load(name: str) -> dict[str, Any]:
    source = files("sandbox.satusehat.dictionary") / f"{name}.json"
    if not name.replace("_", "").isalnum() or not source.is_file():
        return {}
    content: dict[str, Any] = orjson.loads(source.read_bytes())
    return content


def _rule(entry: dict[str, Any]) -> Rule:
    element = entry["element"]
    return Rule(
        element=element,
        kind=entry["kind"],
        path=parse_path(entry.get("path") or element.partition(".")[2]),
        number=entry.get("rule"),
        required=entry.get("required", False),
        systems=frozenset(entry.get("systems", ())),
        also=frozenset(entry.get("also", ())),
        targets=frozenset(entry.get("targets", ())),
        codes=frozenset(entry.get("codes", ())),
        future=entry.get("future", False),
        when=_when(entry),
        text=entry.get("text", ""),
    )


def _one_code(entry: dict[str, Any]) -> OneCode:
    codes = frozenset(entry["codes"])
    return OneCode(entry["rule"], parse_path(entry["path"]), codes, _when(entry), entry["text"])


def _one_of_its_kind(entry: dict[str, Any] | None) -> OneOfItsKind | None:
    if entry is None:
        return None
    return OneOfItsKind(entry["rule"], tuple(map(parse_path, entry["paths"])), _when(entry), entry["text"])


def _when(entry: dict[str, Any]) -> When:
    return tuple((parse_path(path), frozenset(values)) for path, values in entry.get("when", {}).items())


def _parameter(name: str, entry: dict[str, str]) -> SearchParameter:
    return SearchParameter(name, entry["kind"], parse_path(entry["path"]))
