"""Example days of the use cases: each is handed in as it is, and all of it reaches the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from admin.commands.demo import demo_credentials
from engine.actors import make_broker
from engine.catalog.sections.use_cases import records_of
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from tests.config.shipped import catalog
from tests.conftest import SECRETS
from tests.engine.sending.satusehat_clinic import SatuSehatClinic
from tests.engine.sending.worked_clinic import hurried

pytestmark = pytest.mark.anyio


@pytest.fixture
async def clinic(tmp_path: Path, url: str) -> AsyncIterator[SatuSehatClinic]:
    """Yield a clinic that sends to all upstreams, whose items have no codes yet."""
    addresses = {"satusehat": url, "pcare": f"{url}/pcare-rest", "antrean": f"{url}/antreanfktp"}
    settings = Settings("demo", f"sqlite:///{tmp_path}/x.sqlite3", secret_keys=(new_key(),), addresses=addresses)
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), catalog=catalog())
    lists = hub.catalog.code_lists
    hub.catalog = replace(hurried(hub.catalog), code_lists=lists)
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    for upstream, secrets in (demo_credentials(ROOT / "config") | {"satusehat": SECRETS}).items():
        await set_credentials(hub.database, hub.vault, facility.id, upstream, secrets)
    yield SatuSehatClinic(hub, facility)
    await hub.close()


@pytest.mark.parametrize("name", catalog().use_cases)
async def test_the_example_day_of_a_use_case_is_sent(clinic: SatuSehatClinic, name: str) -> None:
    day = records_of(catalog().use_cases[name], catalog().specs, catalog().items)
    for spec, records in reversed(day.items()):
        await clinic.hand_in(spec, *records)
    await clinic.confirm_codes()
    await clinic.work()
    rows = await clinic.hub.database.fetch(text("SELECT spec, key, status, problem FROM deliveries"))
    assert [row for row in rows if row.status != "sent"] == []
    handed_in = {spec for spec in day if spec in catalog().specs}
    assert {row.spec for row in rows} == handed_in
