"""Shipped catalog, its examples, and their payloads with constant references."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from adapters.base import Problem
from engine.catalog.catalog import Catalog, load
from engine.catalog.reading.record_schema import Validator
from engine.catalog.reading.render import problems_of
from engine.catalog.use_case_page import index_page, use_case_page
from engine.facilities.facilities import FacilityRow
from engine.specs.context import context
from engine.specs.mapping import MappingSpec
from engine.specs.needs import keys_of_needs, resolve
from engine.specs.record_type import Need, Operation, Reference, Spec

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
DEMO = ROOT / "config" / "demo"
PAGES = ROOT / "docs" / "use-cases"
FACILITY = FacilityRow(1, "klinik", "Klinik Contoh", "Asia/Jakarta", "100099001")
UUID = "3f1c8a52-6d0e-4b7a-9a41-"
# References of the ministry's own examples; any other gets one made of its type and key.
KNOWN = {
    ("Organization", "POLI-UMUM"): f"{UUID}000000001001",
    ("Location", "R-UMUM-1"): f"{UUID}000000002001",
    ("Practitioner", "DR-001"): "10099887766",
    ("Practitioner", "LAB-001"): "10099112233",
    ("Practitioner", "APT-001"): "10099554433",
    ("Patient", "RM-000123"): "P01234567890",
    ("Patient", "RM-000124"): "P02020000001",
    ("Encounter", "RJ-20260310-0001"): f"{UUID}000000003001",
    ("Condition", "RJ-20260310-0001-KU"): f"{UUID}000000004001",
    ("Condition", "RJ-20260310-0001-DX1"): f"{UUID}000000004002",
    ("Observation", "RJ-20260310-0001-TDS"): f"{UUID}000000005001",
    ("LabResult", "LAB-20260310-0001-HB"): f"{UUID}000000005101",
    ("MedicationRequest", "RX-20260310-0001-1"): f"{UUID}000000006001",
    ("Goal", "RJ-20260310-0001-TJ1"): f"{UUID}000000007001",
    ("ServiceRequest", "LAB-20260310-0001"): f"{UUID}000000008001",
    ("ServiceRequest", "RJK-20260310-0001"): f"{UUID}000000008003",
    ("Specimen", "SP-20260310-0001"): f"{UUID}000000008101",
}


class Case(NamedTuple):
    """One example of an entry, for one operation."""

    spec: str
    example: str
    operation: Operation

    @property
    def file(self) -> Path:
        suffix = "" if self.operation == "create" else f".{self.operation}"
        return GOLDEN / f"{self.spec}.{self.example}{suffix}.json"


class _Everything(dict[tuple[int, str, str], Reference]):
    """Treat every needed delivery as sent, and every item as mapped to its example's code."""

    def __init__(self, needs: Iterable[Need]) -> None:
        self._mapped = {need.specs[0]: need.example for need in needs if need.mapping is not None}

    def get(self, target: Any, default: Any = None) -> Any:
        _, spec, key = target
        return self._mapped.get(spec) or Reference(KNOWN.get((spec, key), f"{spec}-{key}"))


@cache
def catalog() -> Catalog:
    return load(ROOT / "config")


def examples(spec: Spec) -> dict[str, Mapping[str, Any]]:
    return {"example": spec.example, **spec.examples}


@cache
def cases() -> list[Case]:
    """Return every example as it is created, and as it is updated where the payload differs."""
    return list(_cases())


def _cases() -> Iterator[Case]:
    for spec in catalog().specs.values():
        for name in examples(spec) if spec.payload else ():
            yield Case(spec.name, name, "create")
            if spec.update is not None and _differs(Case(spec.name, name, "update")):
                yield Case(spec.name, name, "update")


def _differs(update: Case) -> bool:
    """Return True if the update is more than the creation's payload with an id."""
    after_create = catalog().specs[update.spec].update.after_create  # type: ignore[union-attr]
    change = payload(update)
    if after_create is not None or isinstance(change, list):
        return True
    changed = {field: value for field, value in change.items() if field != "id"}
    return bool(changed != payload(update._replace(operation="create")))


def scope(spec: Spec, record: Mapping[str, Any], operation: Operation = "create") -> dict[str, Any]:
    """Return the template scope of a record whose needs have all been sent."""
    reference = None if operation == "create" else KNOWN.get((spec.name, str(record.get("id"))), "the-reference")
    seen = dict(context(spec, record, FACILITY, reference=reference, operation=operation))
    needs = spec.needs_for(operation)
    resolved = resolve(keys_of_needs(needs, seen), spec.needs, FACILITY.id, _Everything(needs))
    return {**seen, "needs": resolved.values}


def payload(case: Case) -> Any:
    spec = catalog().specs[case.spec]
    tree = (spec.update.payload if case.operation == "update" and spec.update else None) or spec.payload
    assert tree is not None
    return tree.render(scope(spec, examples(spec)[case.example], case.operation))


def problems(spec: Spec | MappingSpec, record: Mapping[str, Any]) -> list[Problem]:
    """Return why a record is refused at the door, none if it is taken."""
    return problems_of(spec, record) if isinstance(spec, Spec) else Validator(spec.record_schema).problems(record)


def demo_records() -> dict[str, list[dict[str, Any]]]:
    """Return the records of the clinic day, by entry."""
    files = sorted(DEMO.glob("*.ndjson"))
    return {file.stem: [json.loads(line) for line in file.read_text("utf-8").splitlines()] for file in files}


def use_case_pages() -> dict[str, str]:
    """Return the pages of docs/use-cases, by file name."""
    shipped = catalog()
    pages = {f"{name}.md": use_case_page(shipped, one) for name, one in shipped.use_cases.items()}
    return {"README.md": index_page(shipped), **pages}
