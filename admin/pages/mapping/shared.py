"""A mapping in the clinic in view, and how its items are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from litestar import Request
from litestar.exceptions import NotFoundException

from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.text.words import say
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.mapping import queries
from engine.specs.mapping import MappingSpec
from engine.templates.template import Template, TemplateError

TABS = {"belum": queries.UNMAPPED, "tinjau": queries.REVIEW, "sudah": queries.MAPPED}
"""In the address -> the state of the items that the tab shows."""
NOTHING: tuple[Any, ...] = ("", None, [], {}, ())
"""What is told as nothing."""


@dataclass(frozen=True, slots=True)
class MappingPage:
    """One mapping in one clinic."""

    hub: Hub
    layout: Layout
    mapping: MappingSpec
    facility: FacilityRow

    @property
    def database(self) -> Database:
        return self.hub.database

    @property
    def place(self) -> tuple[Database, MappingSpec, int]:
        """What every question to engine.mapping.queries begins with."""
        return self.database, self.mapping, self.facility.id

    @property
    def home(self) -> str:
        return f"/pemetaan/{self.mapping.name}"

    @property
    def context(self) -> dict[str, Any]:
        """What all templates of a mapping take."""
        return {
            "frame": self.layout,
            "mapping": self.mapping,
            "home": self.home,
            "may_map": self.layout.may(Permission.MAP),
            "tabs": TABS,
        }

    def code_address(self, code: str) -> str:
        """Where a code is shown in full."""
        return f"{self.home}/kode?{urlencode({'kode': code})}"

    def scope(self, row: Any) -> dict[str, Any]:
        """What templates see of an item."""
        return self.mapping.scope(orjson.loads(row.record), self.facility)

    def shown(self, row: Any) -> dict[str, Any]:
        """An item as the templates take it."""
        scope, content = self.scope(row), queries.content_of(row)
        catalogue = self.mapping.catalogue
        return {
            "id": row.id,
            "key": row.key,
            "name": row.name,
            "href": f"{self.home}/{row.id}",
            "state": row.state,
            "cells": [(column.label, told(rendered(column.value, scope))) for column in self.mapping.columns],
            "code": row.code,
            "code_name": told(content.get(catalogue.name)) if row.code else "",
            "gone": moment(row.gone_at, self.facility),
            "reason": row.reason,
            "replacement": _text(content.get(catalogue.replacement)) if catalogue.replacement else "",
            "by": row.mapped_by,
            "at": moment(row.mapped_at, self.facility),
            "waiting": row.waiting,
        }


async def mapping_page_of(request: Request[Any, Any, Any], hub: Hub, name: str) -> MappingPage:
    """Raises 404 for a mapping that the catalog does not have, or while there is no clinic."""
    mapping = hub.catalog.mappings.get(name)
    if mapping is None:
        raise NotFoundException(say("error.not_found"))
    layout = await layout_for(request, mapping.upstream.name)
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return MappingPage(hub, layout, mapping, layout.facility)


async def item_of(desk: MappingPage, id_: int) -> Any:
    """The item's row; raises 404."""
    row = await queries.one(*desk.place, id_)
    if row is None:
        raise NotFoundException(say("error.not_found"))
    return row


def rendered(template: Template, scope: Mapping[str, Any]) -> Any:
    """What an item that an older entry took lacks is nothing."""
    try:
        return template.render(scope)
    except TemplateError:
        return None


def told(value: Any) -> str:
    """Any value of a column in words."""
    if value in NOTHING:
        return "–"
    if isinstance(value, bool):
        return say("mapping.yes" if value else "mapping.no")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {told(each)}" for name, each in value.items() if each not in NOTHING)
    if isinstance(value, list | tuple):
        return "; ".join(told(each) for each in value if each not in NOTHING)
    return str(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
