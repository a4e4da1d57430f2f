"""Reads the tests of an entry."""

from __future__ import annotations

from typing import Any, cast

from engine.catalog.reading import values
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.entry_test import EntryTest, ExpectedValue, GivenAnswer, Step


def entry_tests(entry: Node, path: str, faults: Faults) -> tuple[EntryTest, ...]:
    """Read the section `tests`; a test of an example that does not exist is a fault."""
    return tuple(
        _test(node, entry, f"{path}.tests[{place}]", faults) for place, node in enumerate(values.items(entry, "tests"))
    )


def _test(node: Node, entry: Node, path: str, faults: Faults) -> EntryTest:
    expect = node.get("expect")
    reference = None if expect is None else expect.get("reference")
    return EntryTest(
        name=values.text(node, "name"),
        source=node.source,
        record=_record(node, entry, path, faults),
        operation=cast(Step, values.text(node, "operation", "create")),
        answer=_answer(node.get("answer")),
        payload=tuple(_expected(expect, path, faults)),
        refused=frozenset(values.texts(expect, "refused")),
        warned=frozenset(values.texts(expect, "warned")),
        verdict=values.text(expect, "verdict") or None,
        reference=None if reference is None or reference.value is None else str(reference.value),
        has_reference=reference is not None,
    )


def _record(node: Node, entry: Node, path: str, faults: Faults) -> dict[str, Any]:
    """Return the record of a test: its own or the named example, with the changes."""
    record = values.plain_mapping(node, "record")
    if not record:
        name = values.text(node, "record", "example")
        named = {"example": values.plain_mapping(entry, "example"), **values.plain_mapping(entry, "examples")}
        if name not in named:
            place = node.find(["record"]).source
            faults.add(place, f"{path}.record", f"no example {name!r}{did_you_mean(name, named)}")
        record = named.get(name, {})
    changed = {**record, **values.plain_mapping(node, "changes")}
    return {name: value for name, value in changed.items() if value is not None}


def _answer(node: Node | None) -> GivenAnswer | None:
    if node is None:
        return None
    body = node.get("body")
    plain = "" if body is None else body.plain()
    media = "text/plain" if isinstance(plain, str) else "application/json"
    return GivenAnswer(int(values.number(node, "status", 200)), plain, values.text(node, "media", media))


def _expected(expect: Node | None, path: str, faults: Faults) -> list[ExpectedValue]:
    found = []
    for text, value in values.entries(expect, "payload").items():
        place = f"{path}.expect.payload"
        compiled = values.jmes_path(Node(value.source, text), place, faults)
        if compiled is not None:
            found.append(ExpectedValue(compiled, value.plain()))
    return found
