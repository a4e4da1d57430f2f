"""The sandbox as an ASGI application and as a server."""

from __future__ import annotations

from contextlib import suppress

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox.bpjs.clinics import SECOND_DEMO_CLINIC
from sandbox.control import control_routes
from sandbox.satusehat.resources.clients import DEMO_CLIENT, SECOND_DEMO_CLIENT
from sandbox.server import Server
from sandbox.wire import FaultyProtocol
from sandbox.world import World


def create_app(world: World | None = None) -> Starlette:
    """Return all sites and the control API of a world; a new world if none is given."""
    world = world or World()
    server = Server(world)
    return Starlette(routes=[*control_routes(world, server), Mount("/", app=server)])


def server_config(world: World, host: str, port: int) -> uvicorn.Config:
    """Return uvicorn's configuration with the protocol that can break connections; the sandbox sets the Date header."""
    return uvicorn.Config(
        create_app(world),
        host=host,
        port=port,
        http=FaultyProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


def serve(host: str = "127.0.0.1", port: int = 8100, strict: bool = False, latency: float = 0.0) -> None:
    """Run the sandbox until it is interrupted. `latency` seconds are added to every request."""
    with suppress(KeyboardInterrupt):
        uvicorn.Server(server_config(demo_world(strict=strict, latency=latency), host, port)).run()


def demo_world(*, strict: bool = False, latency: float = 0.0) -> World:
    """Return a world that both clinics of the demo may call; they are open every day."""
    world = World((DEMO_CLIENT, SECOND_DEMO_CLIENT), strict=strict, latency=latency)
    world.bpjs.settings.open_on_sundays = True
    world.bpjs.register(SECOND_DEMO_CLINIC)
    return world
