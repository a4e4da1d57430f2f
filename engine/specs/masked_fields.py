"""Identifiers that no pattern recognises, such as passport numbers: found where the record schema marks them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.templates.shapes import branches_of

SHORTEST_LENGTH = 5  # of an identifier: a shorter text is found in too many other words

Place = tuple[str | None, ...]  # names of properties; None: each item of a list


def masked_places(
    schema: Any, root: Mapping[str, Any] | None = None, outer: frozenset[int] = frozenset()
) -> frozenset[Place]:
    """Return the places that a record schema marks with `masked`; a schema that contains itself is followed once."""
    root = schema if root is None else root
    branches = [branch for branch in branches_of(schema, root) if id(branch) not in outer]
    outer |= {id(branch) for branch in branches}
    places: set[Place] = set()
    for branch in branches:
        if branch.get("masked") is True:
            places.add(())
        properties = branch.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            places |= {(name, *place) for place in masked_places(inner, root, outer)}
        places |= {(None, *place) for place in masked_places(branch.get("items"), root, outer)}
    return frozenset(places)


def identifiers_at(places: frozenset[Place], record: Any) -> tuple[str, ...]:
    """Return the texts of a record at the places, each once, the longest first."""
    found = {text for place in places for text in _texts(record, place) if len(text) >= SHORTEST_LENGTH}
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def _texts(value: Any, place: Place) -> Iterator[str]:
    if not place:
        if isinstance(value, str):
            yield value
    elif place[0] is None and isinstance(value, list):
        for item in value:
            yield from _texts(item, place[1:])
    elif isinstance(value, Mapping) and place[0] in value:
        yield from _texts(value[place[0]], place[1:])
