"""Needs of a delivery: which deliveries and codes a record refers to, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from engine.delivery.status import KEY_LENGTH
from engine.delivery.types import Awaited
from engine.errors import AntarError
from engine.specs.record_type import Need, Reference

Target = tuple[int, str, str]  # (facility, spec, key) of a needed delivery


class NeedKeys(Struct, frozen=True):
    """One need of one delivery, with its keys and the item that each key was made from."""

    need: Need
    targets: tuple[tuple[str, Any], ...]


def keys_of_needs(needs: Iterable[Need], context: Mapping[str, Any]) -> list[NeedKeys]:
    """Render the keys of the needs; a need that does not apply has no targets. Raises AntarError."""
    return [NeedKeys(need, tuple(_targets(need, context))) for need in needs]


def _targets(need: Need, context: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (key, item) of each record that the need asks for; a key that is too long raises AntarError."""
    targets: list[tuple[str, Any]] = []
    if need.when is not None and not need.when.render(context):
        return targets
    items = _NO_ITEM if need.each is None else need.each.render(context) or ()
    for item in items:
        scope = context if need.each is None else {**context, need.item_name: item}
        value = need.key.render(scope)
        if value is None or value == "":
            continue
        key = str(value)
        if len(key) > KEY_LENGTH:  # no record has such a key: the delivery would wait for ever
            raise AntarError(
                f"needs.{need.name}: the key has more than {KEY_LENGTH} characters; no record has such a key"
            )
        targets.append((key, item))
    return targets


_NO_ITEM = (None,)  # of a need without `each`


def targets_of(needs: Iterable[NeedKeys], facility_id: int) -> list[Target]:
    """Return the deliveries that the needs may refer to; several for a need that names several types."""
    return [(facility_id, spec, key) for one in needs for key, _ in one.targets for spec in one.need.specs]


def undone(needs: Iterable[NeedKeys], facility_id: int, references: Mapping[Target, Reference]) -> list[Target]:
    """Return the deliveries that the record cancels and whose reference is not known."""
    targets = targets_of([one for one in needs if one.need.undo], facility_id)
    return [target for target in targets if target not in references]


class Resolved(Struct, frozen=True):
    """Needs with their references: `values` is `needs` of templates, `missing` lists records without a reference."""

    values: Mapping[str, Any]
    missing: tuple[Awaited, ...]
    codes: tuple[tuple[str, str, str], ...] = ()  # (type, key, code) of each mapped item


def resolve(
    needs: Iterable[NeedKeys], declared: Iterable[Need], facility_id: int, references: Mapping[Target, Reference]
) -> Resolved:
    """Assign references to needs; a need of one record gives a mapping or null, a need with `each` a list.

    If a need names several types, the first type with a reference counts.
    """
    codes: list[tuple[str, str, str]] = []
    values: dict[str, Any] = {need.name: None if need.each is None else [] for need in declared}
    missing: list[Awaited] = []
    for one in needs:
        views = []
        need, specs = one.need, one.need.specs
        for key, item in one.targets:
            spec = specs[0]
            if len(specs) > 1:
                spec = next((name for name in specs if (facility_id, name, key) in references), spec)
            reference = references.get((facility_id, spec, key))
            if reference is None or (need.accept is not None and not need.accepts(reference)):
                missing.append(Awaited(specs, key))
            if reference is not None and need.mapping is not None:
                codes.append((spec, key, reference.reference))
            views.append(_view(need, spec, key, item, reference))
        if views:
            values[need.name] = views if need.each is not None else views[0]
    return Resolved(values, tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(codes)))


def _view(need: Need, spec: str, key: str, item: Any, reference: Reference | None) -> dict[str, Any]:
    """Return one need as templates see it; with `spec` if it may be one of several types."""
    view: dict[str, Any] = {"reference": None if reference is None else reference.reference, "key": key, "item": item}
    if len(need.specs) > 1:
        view["spec"] = spec
    if need.mapping is not None:
        view["row"] = {} if reference is None else reference.row
    return view
