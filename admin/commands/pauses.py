"""antar pause, resume: keep an upstream or a type from being sent for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from admin.commands.installation import actor, with_hub
from admin.text.words import english
from engine.errors import AntarError, NotFound
from engine.facilities.facilities import FacilityRow, all_facilities, by_code
from engine.hub import Hub
from engine.outbox.pauses import pauses
from engine.outbox.pauses.pauses import NewPause, Pause, PauseFault

Facility = Annotated[str | None, typer.Option(help="Code of the clinic; all clinics if left out.")]
Time = Annotated[str | None, typer.Option(metavar="YYYY-MM-DDTHH:MM", help="In the clinic's time zone.")]
FAULTS = {
    PauseFault.NO_REASON: "a pause needs a reason",
    PauseFault.PAST: "the end of the pause has passed",
    PauseFault.ORDER: "the pause ends before it begins",
    PauseFault.WEEK: "a weekly pause needs an end (--until) within a week",
    PauseFault.EXISTS: "this is paused in that time already",
}


def register(app: typer.Typer) -> None:
    app.command("pause")(pause)
    app.command("resume")(resume)


def pause(
    upstream: Annotated[str | None, typer.Argument(help="The upstream; without it, list what is paused.")] = None,
    spec: Annotated[str | None, typer.Argument(help="A type of it; the whole upstream if left out.")] = None,
    reason: Annotated[str, typer.Option(help="People read it on every page.")] = "",
    begin: Time = None,
    until: Time = None,
    weekly: Annotated[bool, typer.Option("--weekly", help="Comes back every week at this time.")] = False,
    facility: Facility = None,
) -> None:
    """Pause an upstream or a type, now or later; what is paused is not lost. Alone: list pauses with their numbers."""
    if upstream is None:
        for line in with_hub(lambda hub: _listed(hub, facility)):
            typer.echo(line)
        return
    ids = with_hub(lambda hub: _begin(hub, upstream, spec, reason, begin, until, weekly, facility))
    typer.echo(f"paused; end it with: antar resume {ids[0]}")


def resume(number: Annotated[int, typer.Argument(help="Number of the pause, as `antar pause` lists it.")]) -> None:
    """End a pause, or cancel a planned one: what waited is due at once, in its order."""
    if not with_hub(lambda hub: pauses.end(hub.database, number, actor())):
        raise NotFound(f"no pause {number} is in force or planned; `antar pause` lists them")
    typer.echo("resumed")


async def _begin(
    hub: Hub,
    upstream: str,
    spec: str | None,
    reason: str,
    begin: str | None,
    until: str | None,
    weekly: bool,
    code: str | None,
) -> list[int]:
    found = hub.catalog.specs.get(spec or "")
    if upstream not in hub.catalog.upstreams:
        raise NotFound(f"no upstream {upstream!r}; known: {', '.join(hub.catalog.upstreams)}")
    if spec is not None and (found is None or found.upstream.name != upstream):
        raise NotFound(f"no type {spec!r} of {upstream}")
    clinic = await by_code(hub.database, code)
    begins_at, ends_at = (_time(text, clinic) for text in (begin, until))
    specs = (spec,) if spec else ()
    new = NewPause(clinic.id if code else None, upstream, reason, specs, None, begins_at, ends_at, weekly)
    begun = await pauses.begin(hub.database, new, actor())
    if isinstance(begun, PauseFault):
        raise AntarError(FAULTS[begun])
    return begun


async def _listed(hub: Hub, code: str | None) -> list[str]:
    clinics = await all_facilities(hub.database) if code is None else [await by_code(hub.database, code)]
    found: dict[int, str] = {}
    for clinic in clinics:
        for row in await pauses.open_pauses(hub.database, clinic.id):
            found.setdefault(row.id, _line(row, clinic))
    return list(found.values())


def _line(row: Pause, clinic: FacilityRow) -> str:
    begins, ends = (f"{clinic.local(at):%Y-%m-%d %H:%M}" if at else "resumed" for at in (row.begins_at, row.ends_at))
    where = clinic.code if row.facility_id else "all clinics"
    span, by = f"{begins} until {ends}{', every week' if row.weekly else ''}", row.actor or "antar"
    return f"{row.id}\t{row.upstream}\t{row.spec or 'all'}\t{where}\t{span}\t{by}: {english(row.reason)}"


def _time(text: str | None, clinic: FacilityRow) -> int | None:
    if text is None:
        return None
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(clinic.time_zone)).timestamp() * 1000)
    except ValueError as error:
        raise AntarError(f"{text!r} is no time; write for example 2026-11-30T14:00") from error
