"""*Kesehatan*: how the house is, for whoever keeps it running."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from admin.api.health import database_facts
from admin.http.access import Right
from admin.pages.alarms import alarms
from admin.pages.shared.connection_test import probe
from admin.pages.shared.formatting import moment
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.text.words import say
from engine.code_lists import copies
from engine.facilities.facilities import FacilityRow
from engine.health import Health, health, last_backup
from engine.hub import Hub
from engine.jobs import queries
from engine.queries.backlog import backlog
from engine.queries.throughput import Latency, throughput

LAST = 5
"""So many jobs and synchronisations are shown."""


@get("/kesehatan", opt={"right": Right.PANEL}, include_in_schema=False)
async def health_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Everything on one page."""
    return Template("health/health.html", context=await _context(request, hub))


@get("/kesehatan/keadaan", opt={"right": Right.PANEL, "live": True}, include_in_schema=False)
async def health_facts(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """What the page asks for anew every few seconds."""
    return Template("health/facts.html", context=await _context(request, hub))


@post("/kesehatan/uji/{upstream:str}", opt={"right": Right.PANEL, "may": Permission.MANAGE}, include_in_schema=False)
async def try_connection(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str]
) -> Template:
    """Call an upstream now and say what it answered: the findings alone for htmx, else the page with them."""
    layout = await layout_for(request, upstream)
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    tried = {"tried": layout.upstream, "findings": await probe(hub, layout.facility, layout.upstream)}
    if "HX-Request" in request.headers:
        return Template("health/tried.html", context=tried)
    return Template("health/health.html", context={**await _context(request, hub), **tried})


async def _context(request: Request[Any, Any, Any], hub: Hub) -> dict[str, Any]:
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    found = _visible(await health(hub), layout)
    database = await database_facts(hub)
    fast = await throughput(hub.database)
    labels = {name: spec.label for name, spec in hub.catalog.upstreams.items()}
    return {
        "frame": layout,
        "health": found,
        "alarms": alarms(found, database, labels),
        "database": database,
        "dialect": hub.database.dialect,
        "backup": moment(await last_backup(hub.database), layout.facility) if layout.facility else None,
        "prune_after": moment(found.clock.prune_after, layout.facility) if layout.facility else None,
        "pace": fast,
        "channels": _channels(found, layout, labels, fast.latency),
        "workers": [{"told": each, "quiet": (found.now - each.beat_at) / 1000} for each in found.workers],
        **(await _own(hub, layout, layout.facility, found.now) if layout.facility else {}),
    }


def _visible(found: Health, layout: Layout) -> Health:
    """The queues of the clinics that the person may see, without upstreams that a clinic does not use."""
    codes = {facility.code for facility in layout.facilities}
    return replace(found, channels=tuple(each for each in found.channels if each.facility in codes and each.in_use))


def _channels(
    found: Health, layout: Layout, labels: dict[str, str], latency: dict[str, Latency]
) -> list[dict[str, Any]]:
    facilities = {facility.code: facility for facility in layout.facilities}
    return [
        {
            "told": each,
            "label": labels[each.upstream],
            "facility": facilities[each.facility].name,
            "latency": latency.get(each.upstream),
            "wait": each.wait(found.now),
            "since": moment(each.since, facilities[each.facility]),
            "probe": moment(each.probe_at, facilities[each.facility]),
            "token": moment(each.token_expires_at or None, facilities[each.facility]),
            "token_valid": (each.token_expires_at or 0) > found.now,
        }
        for each in found.channels
    ]


async def _own(hub: Hub, layout: Layout, facility: FacilityRow, now: int) -> dict[str, Any]:
    """What belongs to the chosen clinic alone."""
    lists = await copies.latest(hub.database, facility.id)
    newest = sorted(lists.items(), key=lambda each: -int(each[1].started_at))[:LAST]
    specs = hub.catalog.specs
    return {
        "backlog": [
            {
                "told": each,
                "label": specs[each.spec].label,
                "upstream": specs[each.spec].upstream,
                "age": (now - each.since) / 1000,
            }
            for each in await backlog(hub.database, facility.id)
            if each.spec in specs
        ],
        "jobs": [
            {"told": row, "created": moment(row.created_at, facility)}
            for row in (await queries.newest(hub.database, facility.id, None, LAST)).rows
        ],
        "reads": [
            {"told": row, "label": hub.catalog.code_lists[name].label, "started": moment(row.started_at, facility)}
            for name, row in newest
            if name in hub.catalog.code_lists
        ],
    }
