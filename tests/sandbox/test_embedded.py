"""Sandbox inside a process: with a socket of its own, and without any."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import httpx
import pytest

import sandbox
from sandbox.app import create_app
from sandbox.embedded import running
from sandbox.world import World
from tests.sandbox.conftest import ask_token

SITI = "/fhir-r4/v1/Patient/P01234567890"


def test_it_starts_and_stops_at_once() -> None:
    started = time.monotonic()
    with running(World()) as url:
        assert httpx.get(f"{url}/__stats").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/__stats")
    assert time.monotonic() - started < 2


def test_it_stops_while_a_request_is_held(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.faults.add(barrier="gate")
    with running(world) as url:
        connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10)
        connection.sendall(f"GET {SITI} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
        assert world.barriers["gate"].reached(1)
    with connection:
        assert connection.recv(1) == b""
    assert not caplog.records


def test_two_boxes_do_not_know_each_other() -> None:
    first, second = World(), World()
    with running(first) as one, running(second) as two:
        with httpx.Client(base_url=one) as client:
            ask_token(client)
        assert httpx.get(f"{two}/__stats").json()["token_posts"] == 0


def test_a_port_can_be_chosen() -> None:
    with running(World()) as url:
        port = int(url.rpartition(":")[2])
    with running(World(), port=port) as again:
        assert again == url


async def without_socket(world: World, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        return await client.get(path)


def test_it_runs_without_a_socket() -> None:
    assert asyncio.run(without_socket(World(), SITI)).status_code == 401


@pytest.mark.parametrize(
    ("preset", "error"),
    [
        ("reset-before-commit", ConnectionResetError),
        ("reset-mid-response", ConnectionResetError),
        ("close-after-commit", ConnectionAbortedError),
        ("endless-body", ValueError),
    ],
)
def test_faults_of_the_connection_raise_without_a_socket(preset: str, error: type[Exception]) -> None:
    world = World()
    world.faults.add(preset)
    with pytest.raises(error):
        asyncio.run(without_socket(world, SITI))


def test_the_sandbox_imports_none_of_the_three_floors() -> None:
    sources = Path(sandbox.__file__).parent.rglob("*.py")
    words = ("engine", "adapters", "admin")
    lines = [line for source in sources for line in source.read_text().splitlines()]
    assert not [
        line
        for line in lines
        if line.startswith(tuple(f"{how} {word}" for how in ("import", "from") for word in words))
    ]
