"""Clinic that sends to SatuSehat's sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.actors import make_broker
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import Settings
from sandbox.world import World
from tests.config.shipped import catalog
from tests.conftest import SECRETS
from tests.engine.sending.satusehat_clinic import SatuSehatClinic
from tests.engine.sending.worked_clinic import hurried


@pytest.fixture
def world() -> World:
    return World()


async def nothing() -> None:
    """Do nothing, in place of a task of the worker that a test does not need."""


@pytest.fixture
async def clinic(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SatuSehatClinic]:
    settings = Settings(
        "demo", f"sqlite:///{tmp_path}/x.sqlite3", secret_keys=(new_key(),), addresses={"satusehat": url}
    )
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), catalog=catalog())
    lists = hub.catalog.code_lists
    hub.catalog = replace(hurried(hub.catalog), code_lists=lists)
    # The worker copies no lists, which takes a second: a test that needs one reads it.
    monkeypatch.setattr(hub.synchroniser, "tick", nothing)
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    await set_credentials(hub.database, hub.vault, facility.id, "satusehat", SECRETS)
    antar = SatuSehatClinic(hub, facility)
    await antar.confirm_codes()
    yield antar
    await hub.close()
