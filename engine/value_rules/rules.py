"""Rules that replace a value of a record by another one before the record is rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from engine.specs.record_type import Spec
from engine.value_rules.fields import keeps_identity
from engine.value_rules.places import as_text, replaced, values_at


class ActiveRule(NamedTuple):
    """A rule of a clinic for a type: the value `old` at `place` is sent as `new`; both are JSON.

    It holds from `starts_at` (epoch ms) on: until then its person may undo it.
    """

    id: int
    facility_id: int
    spec: str
    place: str
    old: str
    new: str
    starts_at: int = 0


def meets(rule: ActiveRule, record: Mapping[str, Any]) -> bool:
    """Return whether the record has the old value at the place of the rule."""
    return any(as_text(value) == rule.old for value in values_at(record, rule.place))


def applied(
    spec: Spec, record: Mapping[str, Any], rules: Sequence[ActiveRule], facility: Any
) -> tuple[Mapping[str, Any], tuple[int, ...]]:
    """Return the record with the values that the rules give it, and the ids of the rules that met their old value.

    Every rule sees the values as they were handed in, so that no rule changes what another one has written. None is
    applied if the record would then be another one's.
    """
    used = [rule for rule in rules if meets(rule, record)]
    by_place: dict[str, dict[str, Any]] = {}
    for rule in used:
        by_place.setdefault(rule.place, {})[rule.old] = orjson.loads(rule.new)
    changed: Any = record
    for place, values in by_place.items():
        changed = replaced(changed, place, values)
    if not used or not keeps_identity(spec, record, changed, facility):
        return record, ()
    return changed, tuple(rule.id for rule in used)
