"""/health/*: whether it lives, whether it can take records, how the upstreams are. For monitors."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from admin.http.access import Right
from engine.database.migrate import head
from engine.health import Health, health
from engine.hub import Hub
from engine.queries.throughput import throughput


@get("/health/live", opt={"right": Right.OPEN})
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/health/ready", opt={"right": Right.OPEN})
async def ready(hub: NamedDependency[Hub]) -> Response[dict[str, str]]:
    """Records can be taken: the database answers and is of the newest shape, and there is a catalog."""
    facts = {**await database_facts(hub), "catalog": "ok" if hub.catalog.specs else "empty"}
    good = set(facts.values()) == {"ok"}
    return Response({"status": "ok" if good else "not ready", **facts}, status_code=200 if good else 503)


@get("/health/upstreams", opt={"right": Right.WATCH})
async def upstreams(hub: NamedDependency[Hub], confined_to: NamedDependency[str | None]) -> dict[str, Any]:
    """Queues, tokens, workers, broker and pace as facts; times are epoch milliseconds."""
    found, fast = confine(await health(hub), confined_to), asdict(await throughput(hub.database))
    return {
        **asdict(found),
        "pace": fast if confined_to is None else {"latency": fast["latency"]},  # the rest counts all clinics
        "workers_alive": found.workers_alive,
        "oldest_wait_seconds": found.oldest_wait,
    }


def confine(found: Health, facility: str | None) -> Health:
    """Without the queues of other clinics than the one with that code; None: all of them."""
    if facility is None:
        return found
    return replace(found, channels=tuple(channel for channel in found.channels if channel.facility == facility))


async def database_facts(hub: Hub) -> dict[str, str]:
    """Whether it answers, and whether its tables are of the newest shape."""
    try:
        rows = await hub.database.fetch(text("SELECT version_num FROM alembic_version"))
    except (SQLAlchemyError, OSError):
        return {"database": "away"}
    return {"database": "ok", "migrations": "ok" if [row[0] for row in rows] == [head()] else "behind"}
