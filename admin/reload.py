"""SIGHUP loads the configuration anew, beside the work of the process and never in its way."""

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
    """Reads the configuration of one hub in a thread: heartbeats, requests and signals go on meanwhile.

    However often it is asked for during a reading, it is read once more; only from the hub's own event loop.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._wanted = False
        self._reading: asyncio.Task[None] | None = None

    def ask(self) -> None:
        self._wanted = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                self._hub.take_over(await asyncio.to_thread(self._hub.read))
            except ConfigFaults as faults:
                typer.echo(f"the configuration in force stays; mend this first:\n{faults}", err=True)
            except Exception as error:
                log.error("configuration_not_read", **place_of(error))


def on_hangup(*asks: Callable[[], None]) -> None:
    """Every hub of the process is asked to reload."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: [ask() for ask in asks])
