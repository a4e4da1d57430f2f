"""Elements of the Ministry's public examples that the first entries could not send: golden payloads have them now.

The examples are the 3,817 resources of the public collections 01 to 48; they are not kept here. Elements are counted,
not whole examples: an example can be sent only if all of its elements can.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.config.shipped import GOLDEN, ROOT

ELEMENTS = {
    "Location": {
        "type": 74,
    },
    "Encounter": {
        "episodeOfCare": 61,
        "basedOn": 52,
        "serviceType": 34,
        "hospitalization.admitSource": 6,
        "classHistory": 2,
    },
    "Condition": {
        "stage": 27,
        "bodySite": 20,
        "onsetPeriod": 18,
    },
    "Observation": {
        "basedOn": 180,
        "component": 176,
        "component.interpretation": 16,
        "bodySite": 175,
        "specimen": 123,
        "focus": 49,
        "derivedFrom": 46,
        "valueDateTime": 42,
        "valueRatio": 28,
        "hasMember": 6,
    },
    "Procedure": {
        "bodySite": 26,
        "recorder": 25,
        "basedOn": 21,
        "location": 18,
    },
    "MedicationRequest": {
        "dispenseRequest.dispenseInterval": 90,
        "dispenseRequest.validityPeriod.end": 90,
        "dosageInstruction.additionalInstruction": 74,
        "contained.manufacturer": 30,
        "courseOfTherapyType": 21,
        "dosageInstruction.timing.repeat.when": 17,
        "dosageInstruction.timing.repeat.count": 8,
        "reasonCode": 10,
    },
    "MedicationDispense": {
        "dosageInstruction.additionalInstruction": 85,
        "contained.manufacturer": 44,
        "receiver": 22,
        "substitution": 9,
    },
    "MedicationAdministration": {
        "contained.manufacturer": 16,
        "dosage.site": 13,
    },
    "MedicationStatement": {
        "dosage.timing": 26,
        "medicationReference": 11,
    },
}
"""Type -> path of an element that was not reachable, and how many of the examples have it."""


def paths(value: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of all elements of a payload, without the places in lists."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield f"{above}{name}"
        yield from paths(inner, f"{above}{name}.")
    for inner in value if isinstance(value, list) else ():
        yield from paths(inner, above)


@cache
def sent(kind: str) -> frozenset[str]:
    """Return the paths of all elements in the golden payloads of a resource type."""
    payloads = (json.loads(file.read_text("utf-8")) for file in GOLDEN.glob("*.json"))
    of_kind = (one for one in payloads if isinstance(one, dict) and one.get("resourceType") == kind)
    return frozenset(path for one in of_kind for path in paths(one))


def table() -> list[str]:
    """Return the lines of the table in docs/types.md."""
    lines = ["| type | elements that were missing | in so many examples | sent now |", "|---|---|---|---|"]
    for kind, elements in ELEMENTS.items():
        now = [path for path in elements if path in sent(kind)]
        lines.append(f"| {kind} | {', '.join(elements)} | {sum(elements.values())} | {len(now)} of {len(elements)} |")
    return lines


@pytest.mark.parametrize("kind", ELEMENTS)
def test_the_elements_of_the_public_examples_are_sent(kind: str) -> None:
    assert [path for path in ELEMENTS[kind] if path not in sent(kind)] == []


def test_the_table_of_the_documents_is_that_of_the_payloads() -> None:
    page = (ROOT / "docs" / "types.md").read_text("utf-8")
    assert "\n".join(table()) in page
