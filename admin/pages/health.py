"""*Kesehatan*: state of queues, workers and database, for the person who operates Antar."""

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
from admin.pages.alarms import Readiness, alarms
from admin.pages.shared.connection_test import probe
from admin.pages.shared.formatting import moment
from admin.pages.shared.hours import last_hours
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.shared.pauses import said_by, until_words
from admin.people.permissions import Permission
from admin.text.words import localized, say
from engine.code_lists import synchronisations
from engine.facilities.facilities import FacilityRow
from engine.health import ChannelPause, Health, health, last_backup
from engine.hub import Hub
from engine.jobs import queries
from engine.queries.backlog import backlog
from engine.queries.setup import without_credentials
from engine.queries.throughput import Latency, throughput

DIALECTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
MAX_LISTED = 5  # jobs, and code lists that were read


@get("/kesehatan", opt={"right": Right.PANEL})
async def health_page(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Show everything on one page."""
    return Template("health/health.html", context=await _whole_context(request, hub))


@get("/kesehatan/keadaan", opt={"right": Right.PANEL, "live": True})
async def health_facts(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Return the part of the page that it polls every few seconds."""
    return Template("health/facts.html", context=await _context(request, hub))


@post("/kesehatan/uji/{upstream:str}", opt={"right": Right.PANEL, "may": Permission.MANAGE})
async def try_connection(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str]
) -> Template:
    """Call an upstream now and show the result: the findings alone for htmx, else the page with them."""
    layout = await layout_for(request, upstream)
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    result = {"tried": layout.upstream, "findings": await probe(hub, layout.facility, layout.upstream)}
    if "HX-Request" in request.headers:
        return Template("health/tried.html", context=result)
    return Template("health/health.html", context={**await _whole_context(request, hub), **result})


async def _whole_context(request: Request[Any, Any, Any], hub: Hub) -> dict[str, Any]:
    """Return the context of the whole page: with the charts, which change by the hour and are not polled."""
    context = await _context(request, hub)
    facility = context["frame"].facility
    return {**context, "hours": await last_hours(hub, facility) if facility else None}


async def _context(request: Request[Any, Any, Any], hub: Hub) -> dict[str, Any]:
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    state = _visible(await health(hub), layout)
    database = await database_facts(hub)
    fast, backed_up_at = await throughput(hub.database), await last_backup(hub.database)
    labels = {name: localized(spec.label) for name, spec in hub.catalog.upstreams.items()}
    return {
        "frame": layout,
        "health": state,
        "alarms": alarms(state, database, labels, await _readiness(hub, layout, backed_up=backed_up_at is not None)),
        "database": database,
        "dialect": DIALECTS.get(hub.database.dialect, hub.database.dialect),
        "backup": moment(backed_up_at, layout.facility) if layout.facility else None,
        "prune_after": moment(state.clock.prune_after, layout.facility) if layout.facility else None,
        "pace": fast,
        "channels": _channels(state, layout, labels, fast.latency),
        "workers": [{"worker": worker, "quiet": (state.now - worker.beat_at) / 1000} for worker in state.workers],
        **(await _clinic_context(hub, layout, layout.facility, state.now) if layout.facility else {}),
    }


async def _readiness(hub: Hub, layout: Layout, *, backed_up: bool) -> Readiness:
    """Return what is missing in the clinics that the person may see."""
    lacking, manages = set(await without_credentials(hub.database)), layout.may(Permission.MANAGE)
    clinics = [facility for facility in layout.facilities if facility.code in lacking]
    edit = "/admin/facilities/edit/{}" if manages else ""
    return Readiness(len(layout.facilities), [(row.name, edit.format(row.id)) for row in clinics], backed_up)


def _visible(state: Health, layout: Layout) -> Health:
    """Keep the queues of the clinics that the person may see, without upstreams that a clinic does not use."""
    codes = {facility.code for facility in layout.facilities}
    return replace(
        state, channels=tuple(channel for channel in state.channels if channel.facility in codes and channel.in_use)
    )


def _channels(
    state: Health, layout: Layout, labels: dict[str, str], latency: dict[str, Latency]
) -> list[dict[str, Any]]:
    facilities = {facility.code: facility for facility in layout.facilities}
    return [
        {
            "channel": channel,
            "label": labels[channel.upstream],
            "facility": facilities[channel.facility].name,
            "latency": latency.get(channel.upstream),
            "wait": channel.wait(state.now),
            "since": moment(channel.since, facilities[channel.facility]),
            "probe": moment(channel.probe_at, facilities[channel.facility]),
            "token": moment(channel.token_expires_at or None, facilities[channel.facility]),
            "token_valid": (channel.token_expires_at or 0) > state.now,
            **_pause(channel.pause, facilities[channel.facility], state.now),
        }
        for channel in state.channels
    ]


def _pause(pause: ChannelPause | None, facility: FacilityRow, now: int) -> dict[str, str]:
    """Return until when a queue is paused, and by whom and why; empty words if it is not."""
    if pause is None:
        return {"paused": "", "paused_by": ""}
    until = until_words(pause.until, facility, now)
    return {"paused": say("pause.briefly", until=until), "paused_by": said_by(pause.by, pause.reason)}


async def _clinic_context(hub: Hub, layout: Layout, facility: FacilityRow, now: int) -> dict[str, Any]:
    """Return the context of the chosen clinic alone."""
    lists = await synchronisations.latest(hub.database, facility.id)
    newest = sorted(lists.items(), key=lambda entry: -entry[1].started_at)[:MAX_LISTED]
    specs = hub.catalog.specs
    return {
        "backlog": [
            {
                "entry": entry,
                "label": specs[entry.spec].label,
                "upstream": specs[entry.spec].upstream,
                "age": (now - entry.since) / 1000,
                "paused": layout.pauses.words(layout.pauses.of(specs[entry.spec].upstream.name, entry.spec)),
            }
            for entry in await backlog(hub.database, facility.id)
            if entry.spec in specs
        ],
        "jobs": [
            {"job": row, "created": moment(row.created_at, facility)}
            for row in (await queries.newest(hub.database, facility.id, None, MAX_LISTED)).rows
        ],
        "reads": [
            {"sync": row, "label": hub.catalog.code_lists[name].label, "started": moment(row.started_at, facility)}
            for name, row in newest
            if name in hub.catalog.code_lists
        ],
    }
