"""Several processes under one: signals are passed on, and a process that dies is started again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

FIRST_PAUSE_SECONDS = 1.0  # before a process that died is started again; doubled each time
MAX_PAUSE_SECONDS = 60.0
STEADY_SECONDS = 60.0  # a process that ran this long is started again after the first pause
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)


class Child(NamedTuple):
    """A process to run: its command, and what differs from the environment of this process."""

    command: Sequence[str]
    environ: Mapping[str, str]


class Supervisor:
    """Runs processes until it is told to stop; then each of them is, and `run` returns when all have ended."""

    def __init__(self, children: Sequence[Child], first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._children = children
        self._first_pause = first_pause
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Return after an orderly stop: SIGTERM or SIGINT; SIGHUP is passed on."""
        loop = asyncio.get_running_loop()
        for name in STOP_SIGNALS:
            loop.add_signal_handler(name, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        await asyncio.gather(*(self._keep(number) for number in range(len(self._children))))

    def stop(self) -> None:
        """Ask all processes to end."""
        self._stopping.set()
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, name: signal.Signals) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):  # it has just ended
                process.send_signal(name)

    async def _keep(self, number: int) -> None:
        """Run a process, again and again until the stop."""
        child, pause = self._children[number], self._first_pause
        while not self._stopping.is_set():
            begun = time.monotonic()
            process = await asyncio.create_subprocess_exec(*child.command, env={**os.environ, **child.environ})
            self._running[number] = process
            if self._stopping.is_set():  # the signal came while it was being started
                self._pass_on(signal.SIGTERM)
            code = await process.wait()
            del self._running[number]
            if self._stopping.is_set():
                return
            if time.monotonic() - begun >= STEADY_SECONDS:
                pause = self._first_pause
            log.error("process_died", number=number, pid=process.pid, code=code, again_in=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
