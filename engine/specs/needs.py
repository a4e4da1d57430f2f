"""Needs of a delivery: which deliveries and codes a record refers to, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from engine.delivery.status import KEY_LENGTH
from engine.delivery.types import Awaited
from engine.errors import AntarError
from engine.specs.record_type import Known, Need

Target = tuple[int, str, str]  # (facility, spec, key) of a needed delivery


class Wanted(Struct, frozen=True):
    """One need of one delivery, with the keys it comes to and the items they were made from."""

    need: Need
    targets: tuple[tuple[str, Any], ...]


def wanted(needs: Iterable[Need], context: Mapping[str, Any]) -> list[Wanted]:
    """Work out the keys; raises AntarError. A need that does not apply has no targets."""
    return [Wanted(need, tuple(_targets(need, context))) for need in needs]


def _targets(need: Need, context: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    if need.when is not None and not need.when.render(context):
        return
    items = [None] if need.each is None else need.each.render(context) or []
    for item in items:
        scope = context if need.each is None else {**context, need.item_name: item}
        key = need.key.render(scope)
        if key not in (None, ""):
            yield _bounded(need, str(key)), item


def _bounded(need: Need, key: str) -> str:
    """No record can have a longer key: the delivery would wait for ever."""
    if len(key) > KEY_LENGTH:
        raise AntarError(f"needs.{need.name}: the key has more than {KEY_LENGTH} characters; no record has such a key")
    return key


def targets_of(wanted: Iterable[Wanted], facility_id: int) -> list[Target]:
    """The deliveries that the needs may mean; several of one need that names several types."""
    return [(facility_id, spec, key) for want in wanted for key, _ in want.targets for spec in want.need.specs]


def undone(wanted: Iterable[Wanted], facility_id: int, known: Mapping[Target, Known]) -> list[Target]:
    """What the record takes back and no reference is known of."""
    targets = targets_of([want for want in wanted if want.need.undo], facility_id)
    return [target for target in targets if target not in known]


class Resolved(Struct, frozen=True):
    """`values` is what templates see as `needs`; `missing` are the records that have no reference yet."""

    values: Mapping[str, Any]
    missing: tuple[Awaited, ...]
    codes: tuple[tuple[str, str, str], ...] = ()  # (type of the item, key, code) of what is mapped


def resolve(
    wanted_: Iterable[Wanted], declared: Iterable[Need], facility_id: int, known: Mapping[Target, Known]
) -> Resolved:
    """Put references to needs; a need of one record is a mapping or null, a need with `each` a list.

    Of the types that a need names the first one counts that has the record with a reference.
    """
    codes: list[tuple[str, str, str]] = []
    values: dict[str, Any] = {need.name: None if need.each is None else [] for need in declared}
    missing: list[Awaited] = []
    for want in wanted_:
        views = []
        for key, item in want.targets:
            specs = want.need.specs
            spec = next((each for each in specs if (facility_id, each, key) in known), specs[0])
            found = known.get((facility_id, spec, key))
            if found is None or not want.need.accepts(found):
                missing.append(Awaited(specs, key))
            if found is not None and want.need.mapping is not None:
                codes.append((spec, key, found.reference))
            views.append(_view(want.need, spec, key, item, found))
        values[want.need.name] = views if want.need.each is not None else next(iter(views), None)
    return Resolved(values, tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(codes)))


def _view(need: Need, spec: str, key: str, item: Any, found: Known | None) -> dict[str, Any]:
    """What templates see of one need; `spec` where it may be one of several."""
    view = {"reference": None if found is None else found.reference, "key": key, "item": item}
    view |= {"spec": spec} if len(need.specs) > 1 else {}
    return view if need.mapping is None else {**view, "row": {} if found is None else found.row}
