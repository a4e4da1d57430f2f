"""Counts how many of the Ministry's public examples each type can express.

`python -m bench.official_examples FOLDER [CONFIG]`: FOLDER holds the public Postman collections (docs/types.md says
which), which are not kept here. An example can be expressed if the payloads of the entries have all of its elements;
codes and values, and what is only for display (`display`, `text`, `unit`), are left aside.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from engine.settings import ROOT
from engine.source.faults import Faults
from engine.source.tree import read

LEFT_ASIDE = {"display", "text", "unit", "id", "resourceType"}
MOST_MISSING = 3  # elements that are named of a type
MAX_NESTED = 4  # times that a fragment is opened within itself
_LAST_COMMA = re.compile(r",\s*([}\]])")
_UNQUOTED = re.compile(r'(?<!")\{\{[^}]*\}\}(?!")')  # a variable of Postman in place of a number


def main(folder: Path, config: Path = ROOT / "config") -> None:
    reachable, counts, expressed = _reachable(config), Counter[str](), Counter[str]()
    missing: dict[str, Counter[str]] = defaultdict(Counter)
    for resource in chain.from_iterable(map(_resources, sorted(folder.glob("[0-9]*.json")))):
        kind = resource["resourceType"]
        left = set(_paths(resource)) - reachable[kind]
        counts[kind] += 1
        expressed[kind] += not left
        missing[kind].update(path for path in left if path.rpartition(".")[0] not in left)
    print("| type | examples | expressed | mostly missing |\n|---|---|---|---|")
    for kind in sorted(counts):
        names = ", ".join(f"{path} {n}" for path, n in missing[kind].most_common(MOST_MISSING))
        print(f"| {kind} | {counts[kind]} | {expressed[kind]} | {names} |")
    print(f"| together | {counts.total()} | {expressed.total()} | |")


def _resources(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the resources that a collection creates or changes, those of bundles one by one."""
    for body in _bodies(json.loads(file.read_text("utf-8"))):
        entries = body.get("entry", []) if body.get("resourceType") == "Bundle" else [{"resource": body}]
        yield from (entry["resource"] for entry in entries if "resourceType" in entry.get("resource", {}))


def _bodies(folder: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder.get("item", []):
        yield from _bodies(item)
        request = item.get("request", {})
        raw = (request.get("body") or {}).get("raw") if request.get("method") in ("POST", "PUT") else None
        content = _read(raw) if raw else None
        if isinstance(content, dict):
            yield content


def _read(raw: str) -> Any:
    """Return the JSON of a body; None of the few that are none."""
    for text in (raw, _UNQUOTED.sub('"x"', raw), _LAST_COMMA.sub(r"\1", raw)):
        try:
            return json.loads(text, strict=False)
        except json.JSONDecodeError:
            continue
    return None


def _reachable(folder: Path) -> dict[str, set[str]]:
    """Return resource type -> paths of the elements in the payloads of the entries."""
    fragments: dict[str, Any] = {}
    specs: list[Any] = []
    for file in folder.rglob("*.yaml"):
        root = read(file, file.name, Faults())
        content = root.plain() if root is not None else None
        if isinstance(content, dict):
            fragments |= content.get("fragments") or {}
            specs += (content.get("specs") or {}).values()
    reachable: dict[str, set[str]] = defaultdict(set)
    for payload in (spec.get("payload") for spec in specs):
        if isinstance(payload, dict) and "resourceType" in payload:
            reachable[payload["resourceType"]] |= set(_declared(payload, fragments))
    return reachable


def _declared(node: Any, fragments: Mapping[str, Any], above: str = "", used: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the paths of a payload in YAML, whatever its conditions are."""
    for inner in node if isinstance(node, list) else ():
        yield from _declared(inner, fragments, above, used)
    for name, inner in node.items() if isinstance(node, dict) else ():
        if name == "$use" and used.count(inner) < MAX_NESTED:
            yield from _declared(fragments[inner], fragments, above, (*used, inner))
        elif name in ("$each", "$value", "$keep"):
            yield from _declared(inner, fragments, above, used)
        elif not name.startswith("$") and name not in LEFT_ASIDE:
            yield above + name
            yield from _declared(inner, fragments, f"{above}{name}.", used)


def _paths(value: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of all elements of a resource, without the places in lists."""
    for inner in value if isinstance(value, list) else ():
        yield from _paths(inner, above)
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name not in LEFT_ASIDE:
            yield above + name
            yield from _paths(inner, f"{above}{name}.")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
