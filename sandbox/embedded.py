"""The sandbox on a free loopback port inside a test: starts and stops quickly."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from sandbox.app import server_config
from sandbox.world import World


@contextmanager
def running(world: World, port: int = 0) -> Iterator[str]:
    """Serve `world` from a background thread; yield its URL, e.g. http://127.0.0.1:40001."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = _Server(server_config(world, "127.0.0.1", port))
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
    thread.start()
    try:
        server.ready.wait()
        yield url
    finally:
        server.stop()
        thread.join()
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn without its polling delays: it waits for an event and stops without a grace period."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    async def main_loop(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.ready.set()
        await self._ended.wait()

    def stop(self) -> None:
        """Stop the server; called from the thread that started it."""
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # A connection leaves the set once the event loop has reported its loss.
        while self.server_state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
