"""antar up, web, worker, sandbox: the commands that start processes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Annotated, Any

import typer
import uvicorn

from admin.alert_messages import AlertMessages
from admin.app import create_app
from admin.commands.supervisor import Child, Supervisor
from admin.http.connections import ConnectionGuard
from admin.logging_config import set_up_logging
from admin.people import administrators, users
from admin.problem_review import ProblemReview
from admin.reload import Reload, on_hangup
from admin.text.words import api_sentence
from engine.actors import Broker, Ring, make_broker
from engine.alerts.watch import Watch
from engine.catalog.catalog import Catalog
from engine.delivery.types import Channel
from engine.errors import AntarError
from engine.hub import Hub
from engine.settings import Settings, from_environment
from engine.telemetry import metrics, tracing
from engine.worker import Worker

# Thresholds of Python's garbage collector: objects made between two collections of the youngest generation, and
# collections of a generation between two of the next. Python's default of 700 is less than a batch makes, and each
# collection of all that a loaded catalog holds stops the process for a tenth of a second.
GC_THRESHOLDS = (20_000, 20, 20)


def collect_rarely() -> None:
    """Run the garbage collector rarely, as suits long-lived processes; it is needed for reference cycles only."""
    gc.set_threshold(*GC_THRESHOLDS)


def register(app: typer.Typer) -> None:
    for command in (up, web, worker, sandbox):
        app.command()(command)


def up() -> None:
    """Web and worker in one process: all that one clinic needs."""
    settings = from_environment()
    _traced(partial(run_all, settings), settings)


def run_all(settings: Settings, catalog: Catalog | None = None) -> None:
    """Serve until interrupted, with an embedded worker. `catalog` is one that the process has loaded already."""
    _begin(settings)
    broker = make_broker(settings.broker_url)
    embedded = EmbeddedWorker(settings, broker, catalog)
    embedded.start()
    try:
        _run(_serve(settings, broker, embedded.ring, embedded.reload, embedded.catalog))
    finally:
        embedded.stop()


def web() -> None:
    """The pages and the API; any number of them on one PostgreSQL database."""
    settings = from_environment()
    _refuse_memory_broker(settings, "web")
    _begin(settings)
    broker = make_broker(settings.broker_url)
    _traced(lambda: _run(_serve(settings, broker, lambda channel: None)), settings)


def worker(
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, envvar="ANTAR_WORKER_PROCESSES", help="Processes to run.", show_default="the number of cores"
        ),
    ] = None,
) -> None:
    """Deliver; any number of them on any number of machines."""
    settings, count = from_environment(), processes or cores()
    _refuse_memory_broker(settings, "worker")
    _begin(settings)
    if count > 1:
        _run(Supervisor(worker_processes(settings, count)).run())
        return
    broker = make_broker(settings.broker_url)
    _traced(lambda: _run(_work(settings, broker, asyncio.Event())), settings)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_processes(settings: Settings, count: int) -> list[Child]:
    """Return `count` workers; each serves its metrics at the port after that of the one before."""
    command = (sys.executable, "-m", "admin", "worker", "--processes", "1")
    port = settings.metrics_port
    return [Child(command, {"ANTAR_METRICS_PORT": str(port + n)} if port else {}) for n in range(count)]


def sandbox(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="ANTAR_SANDBOX_PORT")] = 8100,
    strict: Annotated[bool, typer.Option(help="Enforce every rule of the dictionary.")] = False,
    latency: Annotated[float, typer.Option(help="Seconds that each answer takes.")] = 0.0,
) -> None:
    """The outside world in a box: SatuSehat for demo, tests and the training of staff."""
    from sandbox.app import serve

    serve(host, port, strict, latency)


def _begin(settings: Settings) -> None:
    set_up_logging(settings.log_level)
    collect_rarely()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before on_hangup it would end the process


class EmbeddedWorker:
    """A worker in a thread of its own, with an event loop of its own, beside the web server."""

    def __init__(self, settings: Settings, broker: Broker, catalog: Catalog | None = None) -> None:
        self._settings = settings
        self._broker = broker
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._reload: Reload | None = None
        self._worker: Worker | None = None
        self.catalog = catalog  # if it is None, the worker loads it when it starts
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="antar-worker")

    def start(self) -> None:
        """Return when the worker has started; raise the error that kept it from starting."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def ring(self, channel: Channel) -> None:
        """Ring the worker's bell for a channel, from any thread."""
        if self._loop and self._worker and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._worker.ring, channel)

    def reload(self) -> None:
        """Reload the configuration, from any thread."""
        if self._loop and self._reload and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._reload.ask)

    def stop(self) -> None:
        """Stop the worker and return when its deliveries on the way have ended."""
        if self._loop and self._stop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _main(self) -> None:
        try:
            _run(self._work())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _work(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        hub = await Hub.open(self._settings, durable=False, broker=self._broker, ring=self.ring, catalog=self.catalog)
        self._reload, self._worker, self.catalog = Reload(hub), Worker(hub, words=api_sentence), hub.catalog
        self._ready.set()
        try:
            await self._worker.run(self._stop)
        finally:
            await hub.close()


async def _serve(
    settings: Settings,
    broker: Broker,
    ring: Ring,
    reload_worker: Callable[[], None] = lambda: None,
    catalog: Catalog | None = None,
) -> None:
    hub = await Hub.open(settings, broker=broker, ring=ring, catalog=catalog)
    if not await users.anybody(hub.database):
        address = f"{settings.panel}/mulai?kunci={administrators.setup_token(hub.settings)}"
        typer.echo(f"there is no user yet; make the first administrator at\n  {address}")
    on_hangup(Reload(hub).ask, reload_worker)
    guard = ConnectionGuard()
    config = uvicorn.Config(
        create_app(hub),
        http=guard.protocol,  # type: ignore[arg-type]
        ws="none",
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=2,
    )
    try:
        async with _watching(hub):
            await _Server(config, guard).serve()
    finally:
        await hub.close()


class _Server(uvicorn.Server):
    """uvicorn that returns on a signal, so that we can close down; its own handling ends the process at once.

    `guard` checks its connections once a second.
    """

    def __init__(self, config: uvicorn.Config, guard: ConnectionGuard) -> None:
        super().__init__(config)
        self._guard = guard

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # it ticks ten times a second
            self._guard.check(self.server_state.connections)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.handle_exit, name, None)
        yield


async def _work(settings: Settings, broker: Broker, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)

    def ring(channel: Channel) -> None:
        loop.call_soon_threadsafe(lambda: running_worker.ring(channel))

    hub = await Hub.open(settings, durable=False, broker=broker, ring=ring)
    on_hangup(Reload(hub).ask)
    running_worker = Worker(hub, words=api_sentence)
    metrics_server = metrics.serve(settings.host, settings.metrics_port) if settings.metrics_port else None
    try:
        async with _watching(hub):
            await running_worker.run(stop)
    finally:
        if metrics_server is not None:
            metrics_server.set()
        await hub.close()


@contextlib.asynccontextmanager
async def _watching(hub: Hub) -> AsyncIterator[None]:
    """Send alerts and digests while the work of the process goes on."""
    watch = asyncio.create_task(Watch(hub, AlertMessages(hub), problems=ProblemReview(hub).facts).run())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait({watch})


def _refuse_memory_broker(settings: Settings, command: str) -> None:
    if settings.broker_url.startswith("memory:"):
        raise AntarError(
            f"`antar {command}` needs a broker that processes share: set ANTAR_BROKER_URL to redis:// or amqp://, "
            "or use `antar up`, which is web and worker in one process"
        )


def _traced(work: Callable[[], None], settings: Settings) -> None:
    """Do the work, with a trace of each delivery if an endpoint for traces is set."""
    stop = tracing.start(os.environ, settings.secret_keys[0]) if tracing.is_configured(os.environ) else None
    try:
        work()
    finally:
        if stop is not None:
            stop()


def _run(work: Coroutine[Any, Any, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)
