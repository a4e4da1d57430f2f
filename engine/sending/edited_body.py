"""Adapts a body that a person wrote for a create to the update that it has become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def as_change(written: Any, creation: Any, change: Any, reference: str) -> Any:
    """Return the body to send as an update of `reference`; `written` itself if it names the reference already.

    `creation` and `change` are the payloads that the entry makes of the same record for create and update, None where
    it makes none. Their differences are applied where the person left the create's value; what the person wrote stays.
    """
    if not isinstance(written, Mapping) or not isinstance(change, Mapping):
        return written
    identity = {name: value for name, value in change.items() if value == reference}
    lacking = {name: value for name, value in identity.items() if not written.get(name)}
    if not lacking:
        return written
    base = creation if isinstance(creation, Mapping) else change
    return {**_merged(base, written, change), **lacking}


def _merged(base: Any, written: Any, change: Any) -> Any:
    """Merge three ways: `written` wins wherever it differs from `base`."""
    if written == base:
        return change
    trees = (base, written, change)
    if all(isinstance(tree, Mapping) for tree in trees):
        names = dict.fromkeys([*change, *written])
        merged = {name: _merged(*(tree.get(name, _ABSENT) for tree in trees)) for name in names}
        return {name: value for name, value in merged.items() if value is not _ABSENT}
    if all(isinstance(tree, list) for tree in trees) and len(written) == len(base) <= len(change):
        return [*map(_merged, base, written, change), *change[len(base) :]]
    return written
