"""/health/*: whether it lives, whether it can take records, how the upstreams are. For monitors."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from admin.access import Right
from engine.health import health
from engine.hub import Hub


@get("/health/live", opt={"right": Right.OPEN}, include_in_schema=False)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/health/ready", opt={"right": Right.OPEN}, include_in_schema=False)
async def ready(hub: NamedDependency[Hub]) -> Response[dict[str, str]]:
    """Records can be taken: the database answers and is of the newest shape."""
    try:
        await hub.database.fetch(text("SELECT environment FROM installation"))
    except (SQLAlchemyError, OSError):
        return Response({"status": "database away"}, status_code=503)
    return Response({"status": "ok"})


@get("/health/upstreams", opt={"right": Right.WATCH}, include_in_schema=False)
async def upstreams(hub: NamedDependency[Hub]) -> dict[str, Any]:
    """Queues, tokens, workers and broker as facts; times are epoch milliseconds."""
    found = await health(hub)
    return {
        **asdict(found),
        "workers_alive": found.workers_alive,
        "oldest_wait_seconds": found.oldest_wait,
    }
