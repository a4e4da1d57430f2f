"""The FHIR store: resources in memory, indexed by id, identifier and reference."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from sandbox.clock import Clock
from sandbox.satusehat.resources.paths import parse_path, values

Resource = dict[str, Any]
IDENTIFIER = parse_path("identifier")


@dataclass(slots=True)
class Stored:
    """A resource and the organization that sent it; an empty owner is the ministry."""

    resource: Resource
    owner: str
    sequence: int


class Store:
    """Resources by type and id, with indexes of their identifiers and their references."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        self._types: dict[str, dict[str, Stored]] = {}
        self._index: dict[tuple[str, str], dict[str, Stored]] = {}
        self._sequence = count(1)

    def get(self, kind: str, id_: str) -> Stored | None:
        return self._types.get(kind, {}).get(id_)

    def exists(self, reference: str) -> bool:
        """Return True if `Type/id` is stored."""
        kind, _, id_ = reference.partition("/")
        return id_ in self._types.get(kind, ())

    def of_type(self, kind: str) -> Iterable[Stored]:
        return self._types.get(kind, {}).values()

    def having(self, kind: str, key: str) -> Iterable[Stored]:
        """Return the resources of a type with this identifier (`system|value`) or reference (`Type/id` or `id`)."""
        return self._index.get((kind, key), {}).values()

    def put(self, resource: Resource, owner: str, id_: str | None = None) -> Stored:
        """Store a resource as new or in place of the one with its id; set `id` and `meta`."""
        kind = resource["resourceType"]
        id_ = id_ or str(uuid4())
        sequence = next(self._sequence)
        resource["id"] = id_
        resource["meta"] = {**resource.get("meta", {}), **self._meta(sequence)}
        before = self.get(kind, id_)
        if before is not None:
            self._unlink(kind, id_, before)
        stored = Stored(resource, owner, before.sequence if before else sequence)
        self._types.setdefault(kind, {})[id_] = stored
        for key in index_keys(resource):
            self._index.setdefault((kind, key), {})[id_] = stored
        return stored

    def _unlink(self, kind: str, id_: str, stored: Stored) -> None:
        for key in index_keys(stored.resource):
            self._index[kind, key].pop(id_, None)

    def _meta(self, sequence: int) -> dict[str, str]:
        moment = self._clock.moment()
        nanoseconds = int(moment.timestamp() * 1_000_000) * 1000 + sequence % 1000
        version = b64encode(str(nanoseconds).encode()).decode().rstrip("=")
        return {"lastUpdated": moment.isoformat(timespec="microseconds"), "versionId": version}


def identifiers(resource: Resource) -> list[str]:
    """Return all identifiers as `system|value`; `identifier` may be an object (Composition) or a list."""
    listed = [one for one in values(resource, IDENTIFIER) if isinstance(one, dict)]
    return [f"{one.get('system', '')}|{one.get('value', '')}" for one in listed]


def index_keys(resource: Resource) -> set[str]:
    """Return the keys a resource can be looked up by: its identifiers and its top-level references."""
    keys = set(identifiers(resource))
    for value in resource.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and isinstance(one.get("reference"), str):
                keys.update((one["reference"], one["reference"].partition("/")[2]))
    return keys
