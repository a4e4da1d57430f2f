"""Reload of the configuration while the processes keep working."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from admin.reload import Reload
from engine.catalog.catalog import Catalog
from engine.source.faults import ConfigFaults
from tests.engine.small_hub import CATALOG, SmallHub

pytestmark = pytest.mark.anyio


class SlowReading:
    """Stands in for a long reading that a test ends."""

    def __init__(self, antar: SmallHub) -> None:
        self.begun = 0
        self.go = threading.Event()
        self._read: Callable[[], Catalog] = antar.hub.read

    def __call__(self) -> Catalog:
        self.begun += 1
        self.go.wait()
        return self._read()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 - a thread tells nobody
            await asyncio.sleep(0.01)


async def test_a_reading_holds_up_nothing_and_a_hundred_wishes_meanwhile_are_one(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, before = SlowReading(antar), antar.hub.catalog
    monkeypatch.setattr(antar.hub, "read", reading)
    reload = Reload(antar.hub)
    reload.ask()
    await until(lambda: reading.begun == 1)
    for _ in range(100):
        reload.ask()
    assert antar.hub.catalog is before
    reading.go.set()
    await until(lambda: reading.begun == 2)
    await until(lambda: antar.hub.catalog is not before)
    assert reading.begun == 2


async def test_with_a_fault_the_one_in_force_stays_and_the_next_wish_is_heard(
    antar: SmallHub, capsys: pytest.CaptureFixture[str]
) -> None:
    reload, before = Reload(antar.hub), antar.hub.catalog
    config = antar.hub.settings.config_dir / "resources.yaml"
    config.write_text(f"{CATALOG}    broken: [\n", "utf-8")
    with pytest.raises(ConfigFaults):
        antar.hub.read()
    reload.ask()
    messages: list[str] = []
    await until(lambda: bool(messages.append(capsys.readouterr().err) or "".join(messages)))
    assert (antar.hub.catalog, "resources.yaml:" in "".join(messages)) == (before, True)
    config.write_text(CATALOG, "utf-8")
    reload.ask()
    await until(lambda: antar.hub.catalog is not before)
