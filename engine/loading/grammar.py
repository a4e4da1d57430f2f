"""The grammar of the files, as config/spec.schema.json tells it."""

from __future__ import annotations

from engine.faults import Faults
from engine.marks import Node


def check_grammar(root: Node, faults: Faults) -> None:
    """Adds a fault for each place that breaks the grammar."""
