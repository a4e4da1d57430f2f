"""Processes to kill: forked from one that has imported everything, with short intervals.

Intervals of minutes in production are seconds here, in the same proportions: a request ends before the lease that
it runs under, and the heartbeat comes several times in a lease.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import dramatiq.worker
import uvloop

from adapters.his_database import connection
from admin.commands.processes import run_all
from admin.logging_config import set_up_logging
from admin.reload import Reload, on_hangup
from engine import failpoints, worker
from engine.actors import make_broker
from engine.delivery import types
from engine.delivery.types import Channel, ClaimedDelivery, Settlement
from engine.hub import Hub
from engine.jobs import runner
from engine.limits import slot_allocator, slots
from engine.outbox import claim
from engine.sending import prepare as preparing
from engine.sending.prepare import Prepared
from engine.settings import from_environment
from engine.sources import records, schedule
from engine.specs.record_type import Spec
from tests.chaos.sizes import PATIENCE

LEASE, MARGIN = 2_000, 400  # milliseconds
HEARTBEAT, SWEEP, REFRESH = 0.25, 0.1, 0.1  # seconds
# Milliseconds without a sweep after which the database counts as away, and that all workers get to come back.
AWAY, RETURN = 1_000, 1_500
RESTART = 0.25  # seconds until a lost broker is connected to again
LIFE = 1_000  # milliseconds after which a dead worker's part of the limits is free
ROWS = 20  # of a clinic's database in a batch
BATCH = 5  # deliveries of a bulk action per transaction

# A record with this text ends each worker that renders it, as a fault in a library's machine code would.
DEADLY = "mematikan"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def hurry() -> None:
    """Shorten the leases, heartbeats, sweeps and slot refreshes of this process to seconds."""
    claim.LEASE_MS, types.MARGIN_MS = LEASE, MARGIN
    worker.HEARTBEAT_SECONDS, worker.SWEEP_SECONDS, worker.REFRESH_SECONDS = HEARTBEAT, SWEEP, REFRESH
    dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = RESTART
    worker.AWAY_MS, worker.RETURN_MS = AWAY, RETURN
    worker.JOB_SECONDS, runner.BATCH_DELIVERIES = SWEEP, BATCH
    slots.REFRESH_SECONDS, claim.LIFE_MS = REFRESH, LIFE
    slot_allocator.VALID_MS, slot_allocator.KEEP_MS = LIFE - 100, LIFE
    worker.SOURCE_SECONDS, schedule.LEASE_MS, schedule.OTHERS_MS = SWEEP, LEASE, LIFE
    connection.BATCH_ROWS, records.BATCH_RECORDS = ROWS, ROWS


def be_mortal() -> None:
    render = preparing.prepare

    def prepare(spec: Spec, delivery: ClaimedDelivery, *more: Any) -> Prepared | Settlement:
        if DEADLY in delivery.record:
            os.kill(os.getpid(), signal.SIGKILL)
        return render(spec, delivery, *more)

    preparing.prepare = prepare


def go_wrong(ahead: float) -> None:
    """Set the wall clock `ahead` seconds fast, and as many seconds slow once a lease has passed."""
    seconds, nanoseconds, corrected_at = time.time, time.time_ns, time.monotonic() + LEASE / 1000

    def off() -> float:
        return ahead if time.monotonic() < corrected_at else -ahead

    time.time = lambda: seconds() + off()
    time.time_ns = lambda: nanoseconds() + int(off() * 1e9)


class Process(ForkServerProcess):
    """A process that ends by itself at its failpoint, or on a signal."""

    def __init__(
        self, work: Callable[..., None], environ: dict[str, str], log: Path, failpoint: str, *more: Any
    ) -> None:
        self.hears = _context.Event()  # a signal before this would simply end the process
        super().__init__(target=_run, args=(work, environ, log, failpoint, self.hears, *more), daemon=True)

    def tell(self, number: int) -> None:
        """Send a signal as soon as the process handles signals."""
        assert self.hears.wait(PATIENCE)
        assert self.pid
        os.kill(self.pid, number)


def start_worker(environ: dict[str, str], log: Path, failpoint: str = "", ahead: float = 0) -> Process:
    process = Process(_work, environ, log, failpoint, ahead)
    process.start()
    return process


def start_web(environ: dict[str, str], log: Path, failpoint: str = "") -> Process:
    """Start `antar up`: the web application and a worker in the same process."""
    process = Process(_serve, environ, log, failpoint)
    process.start()
    return process


def _run(
    work: Callable[..., None], environ: dict[str, str], log: Path, failpoint: str, hears: Event, *more: Any
) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream.fileno())
    set_up_logging("DEBUG")
    hurry()
    failpoints.arm(failpoint)
    work(environ, hears, *more)


def _serve(environ: dict[str, str], hears: Event) -> None:
    hears.set()  # set early: the caller waits until the process answers
    run_all(from_environment(environ))


def _work(environ: dict[str, str], hears: Event, ahead: float) -> None:
    be_mortal()
    go_wrong(ahead)
    uvloop.run(_deliver(environ, hears))


async def _deliver(environ: dict[str, str], hears: Event) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    working: list[worker.Worker] = []

    def ring(channel: Channel) -> None:
        loop.call_soon_threadsafe(lambda: [running.ring(channel) for running in working])

    settings = from_environment(environ)
    hub = await Hub.open(settings, durable=False, broker=make_broker(settings.broker_url), ring=ring)
    on_hangup(Reload(hub).ask)
    hears.set()
    working.append(worker.Worker(hub))
    await working[0].run(stop)
    await hub.close()
