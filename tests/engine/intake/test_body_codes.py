"""Codes in bodies that people write: found where the entries of the shipped types put those of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from engine.catalog.reading.render import EXAMPLE_FACILITY, placeholder_context
from engine.intake.body_codes import CodePlace, code_places, codes_in
from engine.specs.context import context
from engine.specs.record_type import Spec
from tests.config.shipped import catalog

CODES = {"province": "31", "city": "3174", "district": "317402", "village": "3174021002"}
REFUSING = [name for name, spec in catalog().specs.items() if any(code.refuse_at for code in spec.codes)]


def payload(spec: Spec, record: Mapping[str, Any]) -> Any:
    tree = spec.payload_for("create")
    assert tree is not None
    return orjson.loads(orjson.dumps(tree.render(placeholder_context(spec, record))))


def places(spec: Spec, record: Mapping[str, Any]) -> list[CodePlace]:
    return code_places(spec, record, context(spec, record, EXAMPLE_FACILITY), lambda other: payload(spec, other))


def found(spec: Spec, record: Mapping[str, Any], body: Any) -> dict[str, str]:
    return {code.name: code.key for code in codes_in(body, places(spec, record))}


@pytest.mark.parametrize("name", REFUSING)
def test_the_codes_of_each_example_are_found_in_its_payload(name: str) -> None:
    spec = catalog().specs[name]
    for record in (spec.example, *spec.examples.values()):
        own = record.get("address") or record.get("area") or {}
        assert found(spec, record, payload(spec, record)) == {
            key: code for key, code in CODES.items() if f"{key}_code" in own
        }


def test_codes_are_found_in_another_order_and_others_are_not_taken_for_them() -> None:
    spec = catalog().specs["Patient"]
    body = payload(spec, spec.example)
    areas = body["address"][0]["extension"][0]["extension"]
    areas.reverse()
    assert found(spec, spec.example, body) == CODES
    areas[:] = [area for area in areas if area["url"] != "village"] + [{"url": "rt", "valueCode": "003"}]
    assert "village" not in found(spec, spec.example, body)


def test_a_code_that_the_record_does_not_have_is_found_where_a_person_adds_it() -> None:
    spec = catalog().specs["Patient"]
    record = {name: value for name, value in spec.example.items() if name != "address"}
    assert found(spec, record, payload(spec, record)) == {}
    assert found(spec, record, payload(spec, spec.example)) == CODES


def test_each_code_has_its_path_in_the_body() -> None:
    spec = catalog().specs["ReferralTask"]
    record = next(one for one in (spec.example, *spec.examples.values()) if "area" in one)
    paths = [code.at for code in codes_in(payload(spec, record), places(spec, record))]
    assert paths == [f"contained[1].item[0].item[{n}].answer[0].valueCoding.code" for n in (0, 1)]
