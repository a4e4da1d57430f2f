"""Areas of the panel: the group of types that a page belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from admin.pages.shared.layout import Layout
from engine.hub import Hub
from engine.specs.code_list import CodeList
from engine.specs.record_type import Spec
from engine.specs.text import Text


@dataclass(frozen=True, slots=True)
class Area:
    """Upstreams that share their pages: the types, and the code lists by tab."""

    name: Text
    specs: tuple[Spec, ...]
    # Tab -> its first list.
    tabs: dict[Text, CodeList]


def area_of(hub: Hub, layout: Layout) -> Area | None:
    """Return the area of the page's upstream; None if the upstream belongs to none."""
    name = layout.upstream.area
    if name is None:
        return None
    tabs: dict[Text, CodeList] = {}
    for code_list in hub.catalog.code_lists.values():
        if code_list.upstream.area == name:
            tabs.setdefault(code_list.group, code_list)
    return Area(name, tuple(spec for spec in hub.catalog.specs.values() if spec.upstream.area == name), tabs)
