"""One job that a person has opened, with the layout of its upstream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import SkipValidation

from admin.http.parameters import Id
from admin.pages.shared.layout import Layout, layout_for
from admin.text.words import say
from engine.database.rows import JobRow
from engine.hub import Hub
from engine.jobs import queries


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job of the chosen facility."""

    hub: Hub
    layout: Layout
    row: JobRow


async def open_job(request: Request[Any, Any, Any], hub: NamedDependency[Hub], id_: Id) -> OpenJob:
    """Return the job; raise 404 if it does not exist or is of another facility."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    row = await queries.one(hub.database, layout.facility.id, id_) if layout.facility else None
    if row is None:
        raise NotFoundException(say("error.not_found"))
    return OpenJob(hub, of_upstream(hub, layout, row.upstream), row)


def of_upstream(hub: Hub, layout: Layout, upstream: str) -> Layout:
    """Return the layout of another upstream; unchanged if the configuration no longer has it."""
    return replace(layout, upstream=hub.catalog.upstreams.get(upstream, layout.upstream))


# Dependency of handlers whose path names a job by `id_`. Litestar must not validate it: it would copy the dataclass.
Opened = NamedDependency[SkipValidation[OpenJob]]
OPENED = {"opened": Provide(open_job)}
