"""A mapping in the chosen clinic, and the view of its items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation

from admin.http.parameters import Id
from admin.pages.errors import NoClinic
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.text.words import say, sentence
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.mapping import queries
from engine.mapping.queries import ListedItem
from engine.specs.mapping import MappingSpec
from engine.templates.template import Template, TemplateError

# Tab in the address -> state of the items that the tab lists.
TABS = {"belum": queries.UNMAPPED, "tinjau": queries.REVIEW, "sudah": queries.MAPPED}
EMPTY_VALUES: tuple[Any, ...] = ("", None, [], {}, ())  # shown as a dash, or left out


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
        """Return the first arguments of the functions of engine.mapping that read the items of one mapping."""
        return self.database, self.mapping, self.facility.id

    @property
    def home(self) -> str:
        return f"/pemetaan/{self.mapping.name}"

    @property
    def context(self) -> dict[str, Any]:
        """Return the context that all templates of a mapping take."""
        return {
            "frame": self.layout,
            "mapping": self.mapping,
            "home": self.home,
            "may_map": self.layout.may(Permission.MAP),
            "tabs": TABS,
        }

    def scope(self, row: ListedItem) -> dict[str, Any]:
        """Return the variables that the mapping's templates see of an item."""
        return self.mapping.scope(orjson.loads(row.record), self.facility)

    def item_view(self, row: ListedItem) -> dict[str, Any]:
        """Return an item as the pages take it."""
        scope, content = self.scope(row), queries.content_of(row)
        catalogue = self.mapping.catalogue
        return {
            "id": row.id,
            "key": row.key,
            "name": row.name,
            "href": f"{self.home}/{row.id}",
            "state": row.state,
            "cells": [
                (column.label, value_text(render_or_none(column.value, scope))) for column in self.mapping.columns
            ],
            "code": row.code,
            "code_name": value_text(content.get(catalogue.name)) if row.code else "",
            "gone": moment(row.gone_at, self.facility),
            "reason": row.reason,
            "replacement": _text(content.get(catalogue.replacement)) if catalogue.replacement else "",
            "by": mapped_by(row),
            "at": moment(row.mapped_at, self.facility),
            "waiting": row.waiting,
        }


def mapped_by(row: ListedItem) -> str:
    """Return the person, or the system, that an item has its code from; empty if it has none."""
    return sentence(row.mapped_by) if row.mapped_by else ""


async def open_mapping(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str]
) -> MappingPage:
    """Return the page's mapping; raise 404 if the catalog does not have it, NoClinic while there is no clinic."""
    spec = hub.catalog.mappings.get(mapping)
    if spec is None:
        raise NotFoundException(say("error.not_found"))
    layout = await layout_for(request, spec.upstream.name)
    if layout.facility is None:
        raise NoClinic
    return MappingPage(hub, layout, spec, layout.facility)


# Dependency of handlers whose path names a mapping. Litestar must not validate it: it would copy the dataclass.
OpenedMapping = NamedDependency[SkipValidation[MappingPage]]
OPENED_MAPPING = {"page": Provide(open_mapping)}


async def open_item(page: OpenedMapping, id_: Id) -> ListedItem:
    """Return the item's row; raise 404 if there is none."""
    row = await queries.one(*page.place, id_)
    if row is None:
        raise NotFoundException(say("error.not_found"))
    return row


# Dependency of handlers whose path names an item too, by `id_`.
OpenedItem = NamedDependency[SkipValidation[Any]]
OPENED_ITEM = {**OPENED_MAPPING, "item": Provide(open_item)}


def render_or_none(template: Template, scope: Mapping[str, Any]) -> Any:
    """Render a template; None if it fails, as an item from an older version of its type may lack a field."""
    try:
        return template.render(scope)
    except TemplateError:
        return None


def value_text(value: Any) -> str:
    """Return any value of a column in words."""
    if value in EMPTY_VALUES:
        return "–"
    if isinstance(value, bool):
        return say("mapping.yes" if value else "mapping.no")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {value_text(part)}" for name, part in value.items() if part not in EMPTY_VALUES)
    if isinstance(value, list | tuple):
        return "; ".join(value_text(part) for part in value if part not in EMPTY_VALUES)
    return str(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
