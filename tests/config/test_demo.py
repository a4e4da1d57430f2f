"""Clinic day of config/demo: every record is valid and complete, and the sandbox has its people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from engine.specs.mapping import MappingSpec
from engine.specs.needs import keys_of_needs
from engine.specs.record_type import Spec
from sandbox.population import people
from tests.config.shipped import DEMO, FACILITY, catalog, demo_records, problems, scope

NAMES = sorted(demo_records())
KINDS: Mapping[str, Spec | MappingSpec] = {**catalog().specs, **catalog().items}
UNKNOWN = 3
"""Persons whom neither the ministry nor the civil registry knows: two patients and a doctor."""


def key_of(name: str, record: Mapping[str, Any]) -> str:
    kind = KINDS[name]
    return str(kind.key.render(scope(kind, record) if isinstance(kind, Spec) else kind.scope(record, FACILITY)))


@pytest.mark.parametrize("name", NAMES)
def test_every_record_is_accepted_at_the_door(name: str) -> None:
    assert [problem for record in demo_records()[name] for problem in problems(KINDS[name], record)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_record_has_its_own_key(name: str) -> None:
    keys = [key_of(name, record) for record in demo_records()[name]]
    assert len(keys) == len(set(keys))


def test_every_need_is_in_the_day() -> None:
    day = demo_records()
    specs = catalog().specs
    keys = {(name, key_of(name, one)) for name in day for one in day[name]}
    needed: set[tuple[tuple[str, ...], str]] = set()
    for name in day.keys() & specs.keys():
        for record in day[name]:
            for need in keys_of_needs(specs[name].needs, scope(specs[name], record, "update")):
                needed |= {(need.need.specs, key) for key, _ in need.targets}
    assert {(specs, key) for specs, key in needed if not keys & {(spec, key) for spec in specs}} == set()


def test_the_people_are_those_of_the_sandbox() -> None:
    people_by_nik = {person.nik: person for person in people()}
    day = demo_records()
    persons = [people_by_nik[one["nik"]] for name in ("Patient", "Practitioner") for one in day[name] if "nik" in one]
    assert sum(person.kind == "unknown" for person in persons) == UNKNOWN
    assert sum(bool(person.twin_number) for person in persons) == 1
    assert sum(person.kind == "citizen" for person in persons) == 4


def test_everything_happens_on_one_day_before_the_evening() -> None:
    for name, records in demo_records().items():
        for moment in (moment for record in records for moment in moments(record)):
            assert moment.date().isoformat() == "2026-03-10", name
            assert 6 <= moment.hour < 15, name


def moments(record: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(value) for name, value in record.items() if name.endswith("_at")]


def test_the_order_names_every_file_once() -> None:
    assert sorted((DEMO / "order.txt").read_text("utf-8").split()) == NAMES
