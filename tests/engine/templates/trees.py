"""Compiles and renders a snippet of YAML, for the tests of templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.source.faults import Faults
from engine.source.tree import Node, parse
from engine.templates.shapes import ANY, Shape
from engine.templates.template import Compiler, Template

NAMES: Mapping[str, Shape] = dict.fromkeys(("record", "needs", "facility"), ANY)
FACILITY = {"code": "K", "name": "Klinik", "time_zone": "Asia/Jakarta", "organization_id": "1000"}


def node(yaml: str) -> Node:
    """Return the YAML with places in the file `t.yaml`."""
    faults = Faults()
    parsed = parse(yaml, "t.yaml", faults)
    faults.raise_if_any()
    assert parsed is not None
    return parsed


def tree(yaml: str, fragments: Mapping[str, str] | None = None) -> Template:
    """Return a compiled tree; raises ConfigFaults."""
    faults = Faults()
    compiler = Compiler(faults, {"ucum": "http://ucum"}, {name: node(text) for name, text in (fragments or {}).items()})
    compiler.add_filter(
        "system", node('"http://ids/{{ value }}/{{ facility.organization_id }}"'), "filters.system", NAMES
    )
    template = compiler.tree(node(yaml), "payload", NAMES)
    faults.raise_if_any()
    return template


def render(yaml: str, /, fragments: Mapping[str, str] | None = None, **record: Any) -> Any:
    """Return the finished tree for a record."""
    return tree(yaml, fragments).render({"record": record, "needs": {}, "facility": FACILITY})


def value(expression: str, **record: Any) -> Any:
    """Return the value of one expression, unchanged."""
    faults = Faults()
    template = Compiler(faults).expression(node(repr_yaml(expression)), "value", NAMES)
    faults.raise_if_any()
    return template.render({"record": record, "needs": {}, "facility": FACILITY})


def repr_yaml(expression: str) -> str:
    """Return a single-quoted YAML text."""
    return "'{{ " + expression.replace("'", "''") + " }}'"
