"""The chosen facility of the pages about patients and visits, which belong to all upstreams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import SkipValidation

from admin.http.access import Connection
from admin.pages.shared.layout import Layout, layout_for
from admin.text.words import say
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub


@dataclass(frozen=True, slots=True)
class OpenClinic:
    """The facility whose patients a person looks at."""

    hub: Hub
    layout: Layout

    @property
    def facility(self) -> FacilityRow:
        """Return the facility; raise 404 if none exists yet."""
        if self.layout.facility is None:
            raise NotFoundException(say("error.not_found"))
        return self.layout.facility

    @property
    def month(self) -> str:
        """Return the present month of the facility as addresses have it, `2026-03`."""
        now = self.hub.database.clock()
        return f"{self.facility.local(now):%Y-%m}" if self.layout.facility else f"{datetime.now(UTC):%Y-%m}"


async def _open_clinic(request: Connection, hub: NamedDependency[Hub]) -> OpenClinic:
    return OpenClinic(hub, await layout_for(request, next(iter(hub.catalog.upstreams))))


Opened = NamedDependency[SkipValidation[OpenClinic]]
OPENED = {"clinic": Provide(_open_clinic)}
