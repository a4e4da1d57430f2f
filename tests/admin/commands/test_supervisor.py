"""Several worker processes under one: signals are passed on, and what dies is started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from admin.commands import processes
from admin.commands.supervisor import Child, Supervisor
from engine.facilities.vault import new_key
from engine.settings import ROOT, Settings
from tests.engine.small_hub import CATALOG

pytestmark = pytest.mark.anyio
REDIS = next((url for url in os.environ.get("ANTAR_TEST_BROKER_URL", "").split(",") if url.startswith("redis")), "")
# Says that it runs, waits for a signal, and says which one came.
CHILD = """
import os, signal, sys
signals = {signal.SIGTERM, signal.SIGHUP}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
pipe = int(os.environ["PIPE"])
say = lambda word: os.write(pipe, f"{os.environ['NAME']} {word} {os.getpid()}\\n".encode())
say("up")
while (name := signal.sigwait(signals)) != signal.SIGTERM:
    say(name.name)
say("SIGTERM")
"""


class Watched:
    """A running supervisor of children that tell what happens to them."""

    def __init__(self, lines: asyncio.StreamReader, supervisor: Supervisor) -> None:
        self._lines = lines
        self.supervisor = supervisor

    async def heard(self, count: int) -> dict[tuple[str, str], int]:
        """Return (name, word) -> process id of the next lines."""
        lines = [(await self._lines.readline()).decode().split() for _ in range(count)]
        return {(name, word): int(pid) for name, word, pid in lines}


@asynccontextmanager
async def watched(*names: str) -> AsyncIterator[Watched]:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    # The supervisor closes all other descriptors of its children, so they open the pipe by its path.
    program = CHILD.replace('int(os.environ["PIPE"])', 'os.open(os.environ["PIPE"], os.O_WRONLY)')
    environ = {"PIPE": f"/proc/{os.getpid()}/fd/{writing}"}
    children = [Child((sys.executable, "-c", program), {**environ, "NAME": name}) for name in names]
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(reading, "rb"))
    supervisor = Supervisor(children, first_pause=0.001)
    running = asyncio.create_task(supervisor.run())
    try:
        async with asyncio.timeout(60):
            yield Watched(lines, supervisor)
            supervisor.stop()
            await running
    finally:
        supervisor.stop()
        os.close(writing)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(name)


async def test_the_signal_to_stop_reaches_all_and_run_returns_when_they_have_ended() -> None:
    async with watched("a", "b") as here:
        up = await here.heard(2)
        assert {name for name, _ in up} == {"a", "b"}
        os.kill(os.getpid(), signal.SIGTERM)
        ended = await here.heard(2)
    assert ended == {(name, "SIGTERM"): pid for (name, _), pid in up.items()}


async def test_a_hangup_reaches_all() -> None:
    async with watched("a", "b") as here:
        await here.heard(2)
        os.kill(os.getpid(), signal.SIGHUP)
        assert {word for _, word in await here.heard(2)} == {"SIGHUP"}


async def test_a_process_that_dies_is_started_again_after_ever_longer_pauses() -> None:
    async with watched("a", "b") as here:
        up = await here.heard(2)
        pid = up["a", "up"]
        with capture_logs() as logs:
            for _ in range(3):
                os.kill(pid, signal.SIGKILL)
                again = await here.heard(1)
                assert again["a", "up"] != pid
                pid = again["a", "up"]
    died = [line for line in logs if line["event"] == "process_died"]
    assert [(line["number"], line["code"], line["again_in"]) for line in died] == [
        (0, -signal.SIGKILL, 0.001),
        (0, -signal.SIGKILL, 0.002),
        (0, -signal.SIGKILL, 0.004),
    ]


def test_each_worker_has_a_port_of_its_own() -> None:
    settings = Settings("demo", "sqlite://", "redis://", (new_key(),), metrics_port=9100)
    children = processes.worker_processes(settings, 3)
    assert [child.environ for child in children] == [{"ANTAR_METRICS_PORT": str(port)} for port in (9100, 9101, 9102)]
    assert {tuple(child.command[-2:]) for child in children} == {("--processes", "1")}


def test_there_is_one_process_per_core() -> None:
    assert processes.cores() == len(os.sched_getaffinity(0))


@pytest.mark.skipif(not REDIS, reason="ANTAR_TEST_BROKER_URL names no Redis")
async def test_antar_worker_runs_several_workers_and_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "resources.yaml").write_text(CATALOG.replace("adapter: scripted", "adapter: dryrun"), "utf-8")
    environ = {
        **os.environ,
        "ANTAR_ENVIRONMENT": "demo",
        "ANTAR_CONFIG_DIR": str(tmp_path),
        "ANTAR_DATABASE_URL": f"sqlite:///{tmp_path}/antar.sqlite3",
        "ANTAR_BROKER_URL": REDIS,
        "ANTAR_SECRET_KEY": new_key(),
    }
    command = (sys.executable, "-m", "admin", "worker", "--processes", "2")
    stderr = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environ, stderr=stderr)
    assert started.stderr is not None
    try:
        async with asyncio.timeout(60):
            workers = {await _next_worker(started.stderr, "worker_started") for _ in range(2)}
            started.terminate()
            ended = {await _next_worker(started.stderr, "worker_stopped") for _ in range(2)}
            assert await started.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            started.terminate()
    assert len(workers) == 2
    assert ended == workers


async def _next_worker(log: asyncio.StreamReader, event: str) -> str:
    """Return the worker of the next line about this event."""
    while line := await log.readline():
        if f'"event": "{event}"' in line.decode():
            return str(orjson.loads(line)["worker"])
    raise AssertionError(f"the log ended before {event}")
