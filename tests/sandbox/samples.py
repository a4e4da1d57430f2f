"""The ministry's request examples, and the resources that they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from sandbox.world import World

EXAMPLES = Path(__file__).parent / "examples"
ENCOUNTER = "3f1c8a52-6d0e-4b7a-9a41-000000003001"
NIK = "https://fhir.kemkes.go.id/id/nik"


def sample(name: str, /, **changes: Any) -> dict[str, Any]:
    """Return one example with changed top-level elements; those changed to None are left out."""
    content: dict[str, Any] = orjson.loads((EXAMPLES / f"{name}.json").read_bytes())
    content.update(changes)
    return {key: value for key, value in content.items() if value is not None}


def names() -> list[str]:
    return sorted(path.stem for path in EXAMPLES.glob("*.json"))


def references(node: Any) -> Iterator[str]:
    """Yield every `Type/id` below a node."""
    if isinstance(node, dict):
        if "/" in str(node.get("reference", "")):
            yield node["reference"]
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        yield from references(child)


def seed_references(world: World) -> None:
    """Store every resource that an example refers to."""
    for name in names():
        for reference in references(sample(name)):
            kind, _, id_ = reference.partition("/")
            if not world.satusehat.store.exists(reference):
                world.satusehat.seed({"resourceType": kind, "id": id_}, "100099001")
