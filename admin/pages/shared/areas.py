"""Areas of the panel: the group of types that a page belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.exceptions import NotFoundException

from admin.pages.shared.layout import Layout
from admin.text.words import say
from engine.hub import Hub
from engine.specs.record_type import Spec
from engine.specs.text import Text


@dataclass(frozen=True, slots=True)
class Area:
    """Upstreams that share their pages: the types, and the code lists by tab."""

    name: Text
    specs: tuple[Spec, ...]
    tabs: dict[Text, str]  # tab -> its address

    @property
    def visit(self) -> tuple[tuple[Spec, ...], ...]:
        """Return the types in the order of a visit: first those that make something, then those that take it back."""
        takes_back = {spec.name for spec in self.specs if any(need.undo for need in spec.needs)}
        parts = [[spec for spec in self.specs if (spec.name in takes_back) is back] for back in (False, True)]
        return tuple(tuple(part) for part in parts if part)


def first_of_area(hub: Hub) -> str:
    """Return the first upstream that belongs to an area; raise 404 if none does."""
    for upstream in hub.catalog.upstreams.values():
        if upstream.area:
            return upstream.name
    raise NotFoundException(say("error.not_found"))


def area_of(hub: Hub, layout: Layout) -> Area | None:
    """Return the area of the page's upstream; None if the upstream belongs to none."""
    name = layout.upstream.area
    if not name:
        return None
    tabs: dict[Text, str] = {}
    for code_list in hub.catalog.code_lists.values():
        if code_list.upstream.area == name and code_list.group not in tabs:
            # An upstream's own address shows the first of its lists.
            short, own = f"/referensi/{code_list.upstream.name}", f"/referensi/{code_list.name}"
            tabs[code_list.group] = own if short in tabs.values() else short
    return Area(name, tuple(spec for spec in hub.catalog.specs.values() if spec.upstream.area == name), tabs)
