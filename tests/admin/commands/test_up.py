"""`antar up` as a process: starts, reloads on SIGHUP, and stops cleanly on a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from engine.facilities.vault import new_key
from engine.settings import ROOT
from tests.engine.small_hub import CATALOG

PATIENCE = 30.0
LATER = """
  Later:
    label: Nanti
    group: Uji
    upstream: ministry
    endpoint: {path: /Later}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record: {required: [id, at], properties: {id: {type: string}, at: {type: string}}}
    columns: {id: {label: ID, value: "{{ record.id }}"}}
    payload: {kind: Later, identifier: "{{ record.id }}"}
    example: {id: L1, at: "2026-03-10"}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


class Up:
    """A running installation with a clinic and an API key."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config" / "resources.yaml"
        self.config.parent.mkdir()
        self.config.write_text(CATALOG.replace("adapter: scripted", "adapter: dryrun"), "utf-8")
        self.address = f"http://127.0.0.1:{(port := free_port())}"
        self.environ = {
            **os.environ,
            "ANTAR_ENVIRONMENT": "demo",
            "ANTAR_CONFIG_DIR": str(self.config.parent),
            "ANTAR_DATABASE_URL": f"sqlite:///{folder}/antar.sqlite3",
            "ANTAR_SECRET_KEY": new_key(),
            "ANTAR_PORT": str(port),
            "ANTAR_MINISTRY_URL": "http://127.0.0.1:9",
        }
        self.run("facility", "add", "klinik", "Klinik", "--organization-id", "1")
        self.run("facility", "credentials", "klinik", "ministry", typed="rahasia\n")
        self.key = self.run("key", "new", "klinik", "simrs").strip()
        self.process = subprocess.Popen([sys.executable, "-m", "admin", "up"], cwd=ROOT, env=self.environ)
        until(lambda: self.get("/health/ready") is not None)

    def run(self, *arguments: str, typed: str = "") -> str:
        command = [sys.executable, "-W", "ignore", "-m", "admin", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, input=typed, text=True, check=True, capture_output=True
        ).stdout

    def get(self, path: str, body: bytes | None = None) -> dict[str, object] | None:
        """Return the answer as JSON; None if there is none or it is an error."""
        request = urllib.request.Request(
            self.address + path, data=body, headers={"Authorization": f"Bearer {getattr(self, 'key', '')}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                content: dict[str, object] = orjson.loads(answer.read())
                return content
        except OSError:
            return None

    def sent(self) -> int:
        page = self.get("/api/v1/deliveries?status=sent") or {}
        return len(page.get("deliveries", []))  # type: ignore[arg-type]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path)
    yield started
    started.process.kill()
    started.process.wait()


def test_it_delivers_reloads_and_ends_in_good_order(up: Up) -> None:
    assert up.get("/api/v1/records/Visit", b'{"id": "V1", "at": "2026-03-10"}') is not None
    until(lambda: up.sent() == 1)
    up.config.write_text(up.config.read_text() + "    broken: [\n")
    up.process.send_signal(signal.SIGHUP)
    assert up.get("/api/v1/records/Visit", b'{"id": "V2", "at": "2026-03-10"}') is not None
    until(lambda: up.sent() == 2)
    up.config.write_text(CATALOG.replace("adapter: scripted", "adapter: dryrun") + LATER)
    up.process.send_signal(signal.SIGHUP)
    until(lambda: up.get("/api/v1/records/Later", b'{"id": "L1", "at": "2026-03-10"}') is not None)
    until(lambda: up.sent() == 3)
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(PATIENCE) == 0
