"""Processes of Antar with a configuration without limits, and waiting for events that nothing announces."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.facilities.vault import new_key
from engine.settings import ROOT

PATIENCE_SECONDS = 60.0  # longest wait for anything
Process = subprocess.Popen[bytes]


def environment(config: Path, database_url: str, broker_url: str, **addresses: str) -> dict[str, str]:
    """Return the environment of such a process; an address is given by its upstream's name."""
    return {
        "ANTAR_ENVIRONMENT": "demo",
        "ANTAR_CONFIG_DIR": str(config),
        "ANTAR_DATABASE_URL": database_url,
        "ANTAR_BROKER_URL": broker_url,
        "ANTAR_SECRET_KEY": new_key(),
        "ANTAR_LOG_LEVEL": "ERROR",
        "ANTAR_WEBHOOK_NETWORKS": "loopback",
        "ANTAR_PORT": str(free_port()),
        **{f"ANTAR_{name.upper()}_URL": address for name, address in addresses.items()},
    }


def configuration(config: Path, in_flight: int | None = None) -> Path:
    """Copy the shipped configuration to a new folder, without rate limits and with `in_flight` slots."""
    shutil.copytree(ROOT / "config", config)
    for path in (config / "upstreams").glob("*.yaml"):
        words = re.sub(r"(?m)^ *rate:.*\n", "", path.read_text("utf-8"))
        if in_flight is not None:
            words = re.sub(r"(?m)^( *concurrency:) .*$", rf"\1 {in_flight}", words)
        path.write_text(words, "utf-8")
    return config


@contextmanager
def process(environ: dict[str, str], module: str, *words: str, quiet: bool = False) -> Iterator[Process]:
    """Run `python -m module words` and end it afterwards; it logs errors only, a quiet one nothing."""
    command, errors = [sys.executable, "-m", module, *words], subprocess.DEVNULL if quiet else None
    environ = {**os.environ, **environ}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its modules compiled
    started = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def serving(environ: dict[str, str], command: str) -> Iterator[Process]:
    """Run `antar web` or `antar up`; yield once it can accept records."""
    with process(environ, "admin", command) as started:
        until(lambda: answers(f"{address_of(environ)}/health/ready") or started.poll() is not None)
        assert started.poll() is None, f"antar {command} ended at once; its words are above"
        yield started


def address_of(environ: dict[str, str]) -> str:
    return f"http://127.0.0.1:{environ['ANTAR_PORT']}"


def answers(url: str) -> bool:
    """Return True if a request to the URL succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def until(condition: Callable[[], bool], pause: float = 0.02, patience: float | None = None) -> None:
    """Poll until the condition holds, for events that nothing announces; at most `patience` seconds."""
    deadline = time.monotonic() + (patience or PATIENCE_SECONDS)
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come about in time")
        time.sleep(pause)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
