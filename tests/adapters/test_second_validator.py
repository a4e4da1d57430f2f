"""Pre-flight check held against a second, independent validator: the R4B models of fhir.resources."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from adapters.satusehat.preflight import check
from tests.config.shipped import GOLDEN, catalog, demo_records, scope

Steps = tuple[str | int, ...]
SEED = 20260310
COUNT = 200


class Change(NamedTuple):
    """Something that goes wrong in a payload: the values it can happen to, and how it changes them."""

    fits: Callable[[str | int, Any], bool]
    to: Callable[[Any], Any]


class Bad(NamedTuple):
    """A golden payload with one change."""

    file: str
    change: str
    steps: Steps
    content: Any


def constant(value: Any, fits: Callable[[str | int, Any], bool]) -> Change:
    return Change(fits, lambda _: value)


def is_text(_: str | int, value: Any) -> bool:
    return isinstance(value, str)


def is_time(_: str | int, value: Any) -> bool:
    return isinstance(value, str) and value.endswith("+00:00")


def is_number(_: str | int, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_anything(_: str | int, value: Any) -> bool:
    return True


REMOVED = object()
CHANGES = {
    "removed": constant(REMOVED, is_anything),
    "misspelt": Change(lambda step, _: isinstance(step, str), lambda value: value),
    "a number for a text": constant(7, is_text),
    "a boolean for a text": constant(True, is_text),
    "other words": constant("x y", is_text),
    "too many characters": constant("a" * 70, lambda step, value: step in ("id", "code", "status")),
    "blank": constant("   ", is_text),
    "empty text": constant("", is_text),
    "null": constant(None, is_anything),
    "empty object": constant({}, lambda _, value: isinstance(value, dict)),
    "empty list": constant([], lambda _, value: isinstance(value, list)),
    "a list for one": Change(is_anything, lambda value: [value]),
    "one for a list": Change(lambda _, value: isinstance(value, list), lambda value: value[0]),
    "a fraction": constant(3.5, is_number),
    "a negative number": constant(-1, is_number),
    "a text for a number": constant("x", is_number),
    "a day for a time": constant("2026-03-10", is_time),
    "a day that no calendar has": constant("2026-02-30T08:00:00+00:00", is_time),
    "a month that no calendar has": constant("2026-13-10T08:00:00+00:00", is_time),
    "no time zone": constant("2026-03-10T08:00:00", is_time),
}
ONLY_OURS = {
    "removed": "fhir.resources drops what is left empty before it looks; SatuSehat refuses it",
    "blank": "FHIR's pattern of a text lets blanks pass, and fhir.resources has none for addresses",
    "empty text": "of addresses (uri) fhir.resources demands no character",
    "null": "FHIR's JSON has no null (2.6.2.2): fhir.resources takes it for absent, SatuSehat refuses it",
    "empty object": "fhir.resources drops it before it looks; FHIR's JSON has none",
    "empty list": "fhir.resources drops it before it looks; FHIR's JSON has none",
    "a number for a text": "pydantic takes the number of a time for seconds since 1970",
    "other words": "fhir.resources checks neither required value sets (status) nor that an address has no blanks",
    "too many characters": "fhir.resources does not check required value sets (status)",
    "a day for a time": "FHIR takes a day for a dateTime; SatuSehat wants time and time zone too (rules 10132, 10406)",
}
"""Change -> why fhir.resources takes some payloads with it that the pre-flight check refuses."""


@cache
def golden() -> list[tuple[str, Any]]:
    files = {str(file.relative_to(GOLDEN)): json.loads(file.read_text("utf-8")) for file in GOLDEN.rglob("*.json")}
    return [(name, content) for name, content in sorted(files.items()) if "resourceType" in content]


def is_valid_there(content: Any) -> bool:
    """Return whether fhir.resources takes a resource."""
    try:
        get_fhir_model_class(content["resourceType"]).model_validate(content)
    except (ValidationError, KeyError, TypeError):  # it stumbles over a resourceType that is no text
        return False
    return True


def places(node: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Yield the path of everything in a payload except the type of the resource itself."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in inner:
        if (*steps, step) != ("resourceType",):
            yield (*steps, step)
        yield from places(value, (*steps, step))


def at(content: Any, steps: Steps) -> Any:
    for step in steps:
        content = content[step]
    return content


def changed(content: Any, name: str, steps: Steps) -> Any:
    content = copy.deepcopy(content)
    *path, last = steps
    owner = at(content, tuple(path))
    value = CHANGES[name].to(owner[last])
    if value is REMOVED or name == "misspelt":
        kept = owner.pop(last)
        if name == "misspelt":
            owner[f"{last}s"] = kept
    else:
        owner[last] = value
    return content


@cache
def bad_ones() -> list[Bad]:
    """Return COUNT payloads that at least one of both validators refuses, each kind of change as often as any other."""
    chance, found = random.Random(SEED), list[Bad]()
    while len(found) < COUNT:
        name = list(CHANGES)[len(found) % len(CHANGES)]
        file, content = chance.choice(golden())
        fitting = [steps for steps in places(content) if CHANGES[name].fits(steps[-1], at(content, steps))]
        if fitting:
            steps = chance.choice(fitting)
            bad = changed(content, name, steps)
            if check(bad) or not is_valid_there(bad):
                found.append(Bad(file, name, steps, bad))
    return found


@pytest.mark.parametrize(("name", "content"), golden(), ids=[name for name, _ in golden()])
def test_both_take_a_golden_payload(name: str, content: Any) -> None:
    assert (is_valid_there(content), check(content)) == (True, [])


def test_both_take_the_payloads_of_the_demo() -> None:
    for name, records in demo_records().items():
        spec = catalog().specs.get(name)
        if spec and spec.payload is not None and spec.check and spec.upstream.adapter == "satusehat":
            for record in records:
                content = spec.payload.render(scope(spec, record))
                assert (is_valid_there(content), check(content)) == (True, []), record


def test_nothing_that_the_second_validator_refuses_passes_the_pre_flight_check() -> None:
    assert [bad[:3] for bad in bad_ones() if not check(bad.content)] == []


def test_each_disagreement_is_explained() -> None:
    ours = {bad.change for bad in bad_ones() if is_valid_there(bad.content)}
    assert ours <= ONLY_OURS.keys()
