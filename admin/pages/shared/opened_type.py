"""Record type that a page is about, with the layout of its upstream."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation

from admin.http.access import Connection
from admin.pages.shared.layout import Layout, layout_for
from admin.text.words import say
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.specs.record_type import Spec


@dataclass(frozen=True, slots=True)
class OpenType:
    """A record type in the chosen facility."""

    hub: Hub
    layout: Layout
    entry: Spec

    def facility(self) -> FacilityRow:
        """Return the chosen facility; raise 404 if no facility exists yet."""
        if self.layout.facility is None:
            raise NotFoundException(say("error.not_found"))
        return self.layout.facility


async def open_type(
    request: Connection, hub: NamedDependency[Hub], upstream: FromPath[str], spec: FromPath[str]
) -> OpenType:
    """Return the record type; raise 404 if the upstream has none of that name."""
    layout, entry = await layout_for(request, upstream), hub.catalog.specs.get(spec)
    if entry is None or entry.upstream.name != upstream:
        raise NotFoundException(say("error.not_found"))
    return OpenType(hub, layout, entry)


# Dependency of handlers whose path names a record type by `upstream` and `spec`. Litestar must not validate it: it
# would copy the dataclass.
OpenedType = NamedDependency[SkipValidation[OpenType]]
OPENED_TYPE = {"opened_type": Provide(open_type)}
