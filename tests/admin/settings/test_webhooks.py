"""A clinic's webhook is entered with the clinic, and its page says whether what is told is taken."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from engine.facilities.facilities import credentials
from engine.specs.text import Text
from engine.specs.webhook import Webhook
from engine.subscribers import positions
from engine.subscribers.positions import Subscription
from tests.admin.settings.test_settings import manager as manager
from tests.admin.settings.test_settings import save
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio
LABELS = {"webhook_url": Text.plain("Alamat"), "webhook_secret": Text.plain("Rahasia")}
CLINIC = {"name": "Klinik", "code": "klinik", "time_zone": "Asia/Jakarta", "organization_id": "1"}


@pytest.fixture
def webhook(antar: SmallHub) -> Webhook:
    declared = Webhook("status", Text.plain("Status kiriman"), LABELS, ())
    antar.hub.catalog = replace(antar.hub.catalog, webhooks={"status": declared})
    return declared


async def enter(client: httpx.AsyncClient, address: str) -> httpx.Response:
    entered = {"webhook:status.webhook_url": address, "webhook:status.webhook_secret": "rahasia"}
    return await save(client, "facilities/edit/1", **CLINIC, **entered)


async def test_address_and_secret_are_entered_with_the_clinic(
    manager: httpx.AsyncClient, antar: SmallHub, webhook: Webhook
) -> None:
    assert (await enter(manager, "https://his.example/antar")).status_code == 302
    entered = await credentials(antar.hub.database, antar.hub.vault, 1, webhook.account)
    assert entered == {"webhook_url": "https://his.example/antar", "webhook_secret": "rahasia"}
    assert "rahasia" not in (await manager.get("/admin/facilities/edit/1")).text


async def test_an_address_of_our_own_machine_is_refused(manager: httpx.AsyncClient, webhook: Webhook) -> None:
    assert "Alamat ini tidak diizinkan" in (await enter(manager, "http://127.0.0.1:8000/x")).text


async def test_the_clinics_page_says_that_it_is_not_taken(
    manager: httpx.AsyncClient, antar: SmallHub, webhook: Webhook
) -> None:
    await enter(manager, "https://his.example/antar")
    one = Subscription(1, webhook.account)
    await positions.take(antar.hub.database, one)
    await positions.fail(antar.hub.database, one, "Sistem klinik menjawab HTTP 500")
    page = (await manager.get("/admin/facilities/details/1")).text
    assert "Status kiriman belum diterima sejak 10/03/2026 08.00: Sistem klinik menjawab HTTP 500" in page
