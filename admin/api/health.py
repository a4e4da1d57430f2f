"""/health/* for monitors: is the process alive, can it take records, how are the upstreams."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.exc import SQLAlchemyError

from admin.http.access import Right
from admin.text.words import api_sentence
from engine.health import Health, health, is_migrated
from engine.hub import Hub
from engine.queries.throughput import throughput


@get("/health/live", opt={"right": Right.OPEN})
async def live() -> dict[str, str]:
    """Answer, to show that the process is alive."""
    return {"status": "ok"}


@get("/health/ready", opt={"right": Right.OPEN})
async def ready(hub: NamedDependency[Hub]) -> Response[dict[str, str]]:
    """Answer 200 if records can be taken: the database answers, its schema is current, and there is a catalog."""
    facts = {**await database_facts(hub), "catalog": "ok" if hub.catalog.specs else "empty"}
    good = set(facts.values()) == {"ok"}
    return Response({"status": "ok" if good else "not ready", **facts}, status_code=200 if good else 503)


@get("/health/upstreams", opt={"right": Right.WATCH})
async def upstreams(hub: NamedDependency[Hub], confined_to: NamedDependency[str | None]) -> dict[str, Any]:
    """Return facts about queues, tokens, workers, broker and throughput; times are epoch milliseconds."""
    facts, pace = confine(await health(hub), confined_to), asdict(await throughput(hub.database))
    return {
        **asdict(facts),
        "channels": [asdict(channel) | {"reason": api_sentence(channel.reason)} for channel in facts.channels],
        "pace": pace if confined_to is None else {"latency": pace["latency"]},  # the rest counts all clinics
        "workers_alive": facts.workers_alive,
        "oldest_wait_seconds": facts.oldest_wait,
    }


def confine(facts: Health, facility: str | None) -> Health:
    """Return the facts with the queues of one clinic, by its code; None leaves the queues of all clinics."""
    if facility is None:
        return facts
    return replace(facts, channels=tuple(channel for channel in facts.channels if channel.facility == facility))


async def database_facts(hub: Hub) -> dict[str, str]:
    """Return whether the database answers, and whether all migrations have been run."""
    try:
        current = await is_migrated(hub.database)
    except (SQLAlchemyError, OSError):
        return {"database": "away"}
    return {"database": "ok", "migrations": "ok" if current else "behind"}
