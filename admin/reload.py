"""Reload of the configuration on SIGHUP, while the work of the process goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog
import typer

from engine.errors import place_of
from engine.hub import Hub
from engine.source.faults import ConfigFaults

log = structlog.get_logger(__name__)


class Reload:
    """Reads the configuration of one hub in a thread, so that heartbeats, requests and signals go on.

    Any number of requests during a reading leads to one more reading. To be used from the hub's event loop only.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._is_requested = False
        self._reading: asyncio.Task[None] | None = None

    def ask(self) -> None:
        self._is_requested = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while self._is_requested:
            self._is_requested = False
            try:
                self._hub.take_over(await asyncio.to_thread(self._hub.read))
            except ConfigFaults as faults:
                typer.echo(f"the configuration in force stays; mend this first:\n{faults}", err=True)
            except Exception as error:
                log.error("configuration_not_read", **place_of(error))


def on_hangup(*asks: Callable[[], None]) -> None:
    """On SIGHUP, ask every hub of the process to reload."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: [ask() for ask in asks])
