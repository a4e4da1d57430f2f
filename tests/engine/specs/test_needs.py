"""Needs of a delivery: their keys, the references that they get, and what a type remembers about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.catalog.catalog import load
from engine.errors import AntarError
from engine.specs.needs import NeedKeys, keys_of_needs, resolve
from engine.specs.record_type import Accept, Need, Reference, Spec
from engine.specs.text import Text
from engine.templates.template import Template

SHIPPED = Path(__file__).resolve().parents[3] / "config"
FACILITY = 1


@pytest.fixture(scope="module")
def visit() -> Spec:
    return load(SHIPPED).specs["Encounter"]


def template(value: Any) -> Template:
    """Return a template of a fixed value, or of what a function makes of the context."""
    render = value if callable(value) else lambda context: value
    return cast(Template, SimpleNamespace(render=render))


def need(**more: Any) -> Need:
    return Need(**{"name": "person", "specs": ("Person",), "key": template("P1"), **more})


def views(one: NeedKeys, references: dict[tuple[int, str, str], Reference]) -> Any:
    return resolve([one], [one.need], FACILITY, references).values[one.need.name]


def test_of_several_types_the_first_with_a_reference_counts() -> None:
    one = NeedKeys(need(specs=("Person", "Baby")), (("P1", None),))
    assert views(one, {(FACILITY, "Baby", "P1"): Reference("b")}) == {
        "reference": "b",
        "key": "P1",
        "item": None,
        "spec": "Baby",
    }
    both = {(FACILITY, spec, "P1"): Reference(spec) for spec in ("Baby", "Person")}
    assert views(one, both)["spec"] == "Person"
    assert views(one, {}) == {"reference": None, "key": "P1", "item": None, "spec": "Person"}


def test_a_code_that_is_not_accepted_is_missing() -> None:
    accept = Accept({"level": frozenset(("93",))}, Text("", ""))
    one = NeedKeys(need(mapping="drugs", accept=accept), (("P1", None),))
    for level, missing in (("93", 0), ("92", 1)):
        references = {(FACILITY, "Person", "P1"): Reference("c", {"level": level})}
        resolved = resolve([one], [one.need], FACILITY, references)
        assert len(resolved.missing) == missing
        assert resolved.codes == (("Person", "P1", "c"),)
        assert resolved.values["person"]["row"] == {"level": level}


def test_a_need_without_a_key_is_null_or_an_empty_list() -> None:
    without, several = need(key=template("")), need(name="rooms", each=template([]))
    keys = keys_of_needs([without, several], {})
    assert resolve(keys, [without, several], FACILITY, {}).values == {"person": None, "rooms": []}


def test_each_item_has_a_key_and_the_condition_is_asked_first() -> None:
    rooms = need(name="rooms", each=template(["A", "", "B"]), key=template(lambda context: context["item"]))
    assert keys_of_needs([rooms], {})[0].targets == (("A", "A"), ("B", "B"))
    assert keys_of_needs([replace(rooms, when=template(False))], {})[0].targets == ()


def test_a_key_that_no_record_can_have_is_an_error() -> None:
    with pytest.raises(AntarError, match=r"needs\.person"):
        keys_of_needs([need(key=template("x" * 1000))], {})


def test_a_type_remembers_its_needs_and_a_changed_one_has_its_own(visit: Spec) -> None:
    assert visit.needs_for("create") == tuple(one for one in visit.needs if one.operation != "update")
    assert visit.needs_for("update") == tuple(one for one in visit.needs if one.operation != "create")
    assert visit.undo_needs == ()
    changed = replace(visit, needs=(need(undo=True, operation="update"),))
    assert (changed.needs_for("create"), changed.needs_for("update")) == ((), changed.needs)
    assert changed.undo_needs == changed.needs
