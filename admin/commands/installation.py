"""Work of a command on the installation that the environment describes."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.hub import Hub
from engine.settings import from_environment

T = TypeVar("T")


def with_hub(work: Callable[[Hub], Awaitable[T]]) -> T:
    """Return what `work` returns for an opened hub, which is closed afterwards."""

    async def run() -> T:
        hub = await Hub.open(from_environment())
        try:
            return await work(hub)
        finally:
            await hub.close()

    return asyncio.run(run())


def actor() -> str:
    """Return the name under which the audit log notes what is done on the command line."""
    return f"cli:{getpass.getuser()}"
