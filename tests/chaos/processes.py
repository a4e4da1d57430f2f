"""Processes to kill: forked from one that has imported everything, and in a hurry.

What takes a minute in production takes seconds here, in the same proportions: a request ends before the lease that it
runs under, the heartbeat comes several times in a lease.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import dramatiq.worker
import uvloop

from admin.commands.running import run_all
from admin.logging_setup import set_up_logging
from engine import failpoints, shares, worker
from engine.actors import make_broker
from engine.hub import Hub
from engine.outbox import claim, entries
from engine.outbox.entries import Channel
from engine.settings import from_environment

LEASE, MARGIN = 2_000, 400
"""Milliseconds."""
HEARTBEAT, SWEEP, REFRESH = 0.25, 0.1, 0.1
"""Seconds."""
AWAY, RETURN = 1_000, 1_500
"""Milliseconds without a sweep after which the database was away, and that all get to come back."""
RESTART = 0.25
"""Seconds after which a broker that went away is connected to again."""
LIFE = 1_000
"""Milliseconds after which a dead worker's part of the limits is free."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def hurry() -> None:
    """Leases, heartbeats, sweeps and shares of this process come in seconds."""
    claim.LEASE, entries.MARGIN = LEASE, MARGIN
    worker.HEARTBEAT, worker.SWEEP, worker.REFRESH = HEARTBEAT, SWEEP, REFRESH
    dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = RESTART
    worker.AWAY, worker.RETURN = AWAY, RETURN
    shares.REFRESH, shares.LIFE, shares.VALID, shares.KEPT = REFRESH, LIFE, LIFE - 100, LIFE


def start_worker(environ: dict[str, str], log: Path, failpoint: str = "") -> ForkServerProcess:
    """A worker that ends by itself at its failpoint, or when it is told to."""
    process = _context.Process(target=_work, args=(environ, log, failpoint), daemon=True)
    process.start()
    return process


def start_web(environ: dict[str, str], log: Path, failpoint: str = "") -> ForkServerProcess:
    """`antar up`: the door, and a worker in the same process."""
    process = _context.Process(target=_serve, args=(environ, log, failpoint), daemon=True)
    process.start()
    return process


def _serve(environ: dict[str, str], log: Path, failpoint: str) -> None:
    _begin(log, failpoint)
    run_all(from_environment(environ))


def _work(environ: dict[str, str], log: Path, failpoint: str) -> None:
    _begin(log, failpoint)
    uvloop.run(_deliver(environ))


def _begin(log: Path, failpoint: str) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream.fileno())
    set_up_logging("DEBUG")
    hurry()
    failpoints.arm(failpoint)


async def _deliver(environ: dict[str, str]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    working: list[worker.Worker] = []

    def ring(channel: Channel) -> None:
        loop.call_soon_threadsafe(lambda: [each.ring(channel) for each in working])

    settings = from_environment(environ)
    hub = await Hub.open(settings, durable=False, broker=make_broker(settings.broker_url), ring=ring)
    working.append(worker.Worker(hub))
    await working[0].run(stop)
    await hub.close()
