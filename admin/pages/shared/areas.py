"""Areas of the panel: the group of types that a page belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from admin.pages.shared.layout import Layout
from engine.hub import Hub
from engine.specs.code_list import CodeList
from engine.specs.inbound import Inbound
from engine.specs.record_type import Spec


@dataclass(frozen=True, slots=True)
class Area:
    """Upstreams that stand together: their entries, their code lists by tab."""

    name: str
    specs: tuple[Spec, ...]
    tabs: dict[str, CodeList]
    """Tab -> its first list."""
    inbound: tuple[Inbound, ...] = ()
    """The services that others call on the clinic."""


def area_of(hub: Hub, layout: Layout) -> Area | None:
    """The area of a page's upstream, None where that stands alone."""
    name = layout.upstream.area
    if not name:
        return None
    tabs: dict[str, CodeList] = {}
    for code_list in hub.catalog.code_lists.values():
        if code_list.upstream.area == name:
            tabs.setdefault(code_list.group, code_list)
    inbound = tuple(
        each for each in hub.catalog.inbound.values() if hub.catalog.code_lists[each.polis].upstream.area == name
    )
    return Area(name, tuple(spec for spec in hub.catalog.specs.values() if spec.upstream.area == name), tabs, inbound)
