"""Addresses entered for alerts and for a clinic's own system, judged alike by form and command line."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from wtforms import Form, ValidationError

from adapters.outbound.guard import AddressFault, AddressRefused, check_url
from adapters.outbound.networks import Network, Policy
from admin.commands.clinics import check_address
from admin.settings.form import url_within
from admin.text.words import sentence
from engine.errors import AntarError
from engine.facilities.facilities import credentials
from engine.facilities.vault import new_key
from engine.settings import Settings, from_environment
from tests.admin.settings.test_alerts import SARI, rows
from tests.admin.settings.test_settings import manager as manager
from tests.admin.settings.test_settings import save
from tests.engine.inbound.test_queue_numbers import SERVICE
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

METADATA = ("169.254.169.254", "2852039166", "0xA9FEA9FE", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "100.100.100.200")
OURSELVES = ("127.0.0.1", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "localhost.")
LOCAL = ("192.168.1.5", "3232235781", "10.1", "[fd12::1]", "[64:ff9b::10.0.0.1]")
REFUSAL = "Alamat ini tidak diizinkan"
WEBHOOK = f"{SERVICE.account}.webhook_url"


@pytest.fixture
def service(antar: SmallHub) -> None:
    """Configure a clinic whose own system gets requests by webhook."""
    antar.hub.catalog = replace(antar.hub.catalog, inbound={SERVICE.name: SERVICE})


def widened(antar: SmallHub, **networks: Network) -> None:
    antar.hub.settings = replace(antar.hub.settings, **networks)


async def alert(client: httpx.AsyncClient, **values: str) -> httpx.Response:
    return await save(client, "alerts/create", **{**SARI, **values})


async def clinic(client: httpx.AsyncClient, address: str) -> httpx.Response:
    values = {"name": "Klinik", "code": "klinik", "time_zone": "Asia/Jakarta", "organization_id": "1", WEBHOOK: address}
    return await save(client, "facilities/edit/1", **values)


@pytest.mark.parametrize("way", ["webhook", "email"])
async def test_an_alert_goes_to_public_addresses_alone(manager: httpx.AsyncClient, antar: SmallHub, way: str) -> None:
    for host in (*METADATA, *OURSELVES, *LOCAL):
        entered = (
            {"webhook_url": f"http://{host}:8080/x"} if way == "webhook" else {"mail_host": host, "mail_port": "25"}
        )
        answer = await alert(manager, way=way, **entered)
        assert (host, answer.status_code, await rows(antar)) == (host, 400, [])
        assert f"{REFUSAL} (hanya alamat internet umum)" in answer.text
        assert "ANTAR_ALERT_NETWORKS" in answer.text


async def test_the_operator_may_allow_alerts_in_the_clinics_network(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    widened(antar, alert_networks=Network.PRIVATE)
    assert (await alert(manager, way="webhook", webhook_url="http://192.168.1.5/x")).status_code == 302
    assert (await alert(manager, mail_host="10.0.0.9")).status_code == 302
    assert (await alert(manager, way="webhook", webhook_url="http://127.0.0.1/x")).status_code == 400


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"way": "webhook", "webhook_url": "https://u:p@his.test/"}, "tidak boleh memuat nama"),
        ({"way": "webhook", "webhook_url": "https://his.test:99999/"}, "tidak dapat dibaca"),
        ({"mail_host": "http://mail.test"}, "Tulis nama server surat saja"),
        ({"mail_host": "[::1"}, "Tulis nama server surat saja"),
    ],
)
async def test_an_address_that_cannot_be_used_is_told_by_the_form(
    manager: httpx.AsyncClient, antar: SmallHub, entered: dict[str, str], words: str
) -> None:
    answer = await alert(manager, **entered)
    assert (answer.status_code, words in answer.text, await rows(antar)) == (400, True, [])


async def test_a_recipient_that_was_entered_before_is_judged_when_it_is_sent(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    widened(antar, alert_networks=Network.LOOPBACK)
    await alert(manager, way="webhook", webhook_url="http://127.0.0.1:9/x")
    widened(antar, alert_networks=Network.PUBLIC)
    await save(manager, "alerts/uji/1")
    assert REFUSAL in (await manager.get("/admin/alerts/details/1")).text


async def test_the_mail_server_of_the_environment_is_the_operators_own(
    manager: httpx.AsyncClient, antar: SmallHub
) -> None:
    antar.hub.settings = replace(antar.hub.settings, smtp_url="smtp://127.0.0.1:1")
    await alert(manager)
    await save(manager, "alerts/uji/1")
    page = (await manager.get("/admin/alerts/details/1")).text
    assert ("Tidak dapat tersambung (ConnectionRefusedError)" in page, REFUSAL in page) == (True, False)


async def test_a_clinics_system_is_not_on_this_server(
    manager: httpx.AsyncClient, antar: SmallHub, service: None
) -> None:
    for host in (*METADATA, *OURSELVES):
        answer = await clinic(manager, f"http://{host}/hook")
        assert (host, answer.status_code) == (host, 400)
        assert f"{REFUSAL} (hanya alamat internet umum dan jaringan lokal)" in answer.text
    assert await credentials(antar.hub.database, antar.hub.vault, antar.facility.id, SERVICE.account) == {}


async def test_a_clinics_system_may_be_in_its_own_network(
    manager: httpx.AsyncClient, antar: SmallHub, service: None
) -> None:
    for host in (*LOCAL, "his.klinik.id", "his.klinik.internal"):
        assert (host, (await clinic(manager, f"http://{host}/hook")).status_code) == (host, 302)
        entered = await credentials(antar.hub.database, antar.hub.vault, antar.facility.id, SERVICE.account)
        assert entered == {"webhook_url": f"http://{host}/hook"}


async def test_the_operator_may_allow_a_clinics_system_on_this_server(
    manager: httpx.AsyncClient, antar: SmallHub, service: None
) -> None:
    widened(antar, webhook_networks=Network.LOOPBACK)
    assert (await clinic(manager, "http://127.0.0.1:8100/his/webhook")).status_code == 302
    assert (await clinic(manager, "http://169.254.169.254/")).status_code == 400


def test_the_command_judges_as_the_form_does() -> None:
    policy = Settings().webhook_policy
    check_address("Webhook", "http://192.168.1.5/hook", policy)
    for address, words in (("http://2130706433/", "ANTAR_WEBHOOK_NETWORKS"), ("ftp://his", "scheme")):
        with pytest.raises(AntarError, match=f"Webhook: this address is refused; .*{words}"):
            check_address("Webhook", address, policy)


def test_the_settings_name_the_networks() -> None:
    environ: dict[str, Any] = {"ANTAR_SECRET_KEY": new_key()}
    settings = from_environment(environ)
    assert (settings.webhook_networks, settings.alert_networks) == (Network.PRIVATE, Network.PUBLIC)
    changed = from_environment({**environ, "ANTAR_WEBHOOK_NETWORKS": "loopback", "ANTAR_ALERT_NETWORKS": "private"})
    assert (changed.webhook_networks, changed.alert_networks) == (Network.LOOPBACK, Network.PRIVATE)


@pytest.mark.parametrize("widest", [Network.PUBLIC, Network.PRIVATE, Network.LOOPBACK])
@pytest.mark.parametrize("url", ["http://169.254.169.254/", "ftp://x", "http://u:p@x/", "http://x:99999/"])
def test_the_form_and_the_guard_use_the_same_words(url: str, widest: Network) -> None:
    policy = Policy(widest, "ANTAR_ALERT_NETWORKS")
    with pytest.raises(AddressRefused) as refused:
        check_url(url, policy)
    with pytest.raises(ValidationError) as invalid:
        url_within(policy)(Form(), SimpleNamespace(data=url))
    assert str(invalid.value) == sentence(str(refused.value)) != str(refused.value)
    assert refused.value.fault is not AddressFault.UNKNOWN
