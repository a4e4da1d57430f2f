"""*Pemberitahuan*: recipients in the settings, and the texts of the messages."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, text

from adapters.base import Verdict
from adapters.notifications.contract import Notification
from admin.alert_messages import AlertMessages
from admin.people import users
from admin.settings import alert_recipients
from engine.alerts.conditions import ConditionKind, Trouble
from engine.alerts.facts import facts
from engine.alerts.ledger import LedgerEntry, News
from engine.alerts.recipients import available
from engine.alerts.watch import destination_of
from engine.database.tables import AlertRecipient
from engine.facilities.facilities import add_facility
from engine.settings import ROOT, gateways_in
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.settings.test_settings import audit, manager, save  # noqa: F401 - a fixture
from tests.engine.drug_catalog import DrugCatalog
from tests.engine.drug_catalog import drugs as drugs
from tests.engine.small_hub import AT, SmallHub, refused

pytestmark = pytest.mark.anyio

SARI = {
    "name": "Sari",
    "facility_id": "1",
    "way": "email",
    "email": "sari@klinik.test",
    "waiting_minutes": "60",
    "failure_percent": "20",
    "quiet_from": "21:00",
    "quiet_until": "06:00",
    "digest_at": "07:00",
    "enabled": "y",
}


async def rows(antar: SmallHub) -> list[Any]:
    return list(await antar.hub.database.fetch(text("SELECT * FROM alert_recipients ORDER BY id")))


async def letter(antar: SmallHub, kind: ConditionKind, *, well: bool = False, **more: Any) -> Notification:
    trouble = Trouble(antar.facility.id, kind, "ministry", antar.clock(), **more)
    [recipient] = await available(antar.hub.database)
    entry = LedgerEntry(trouble, antar.clock())
    changes = News((), (entry,), ()) if well else News((entry,), (), ())
    return await AlertMessages(antar.hub).changes(recipient, await facts(antar.hub), changes)


async def test_a_recipient_is_made_changed_and_removed(manager: httpx.AsyncClient, antar: SmallHub) -> None:  # noqa: F811
    telegram = {**SARI, "way": "telegram", "chat": "-100123456", "bot_token": "7:RAHASIA"}
    assert (await save(manager, "alerts/create", **telegram)).status_code == 302
    await save(manager, "alerts/edit/1", **{**telegram, "digest_at": "06:30", "bot_token": ""})
    [row] = await rows(antar)
    assert row.digest_at == "06:30"
    assert antar.hub.vault.open(row.sealed) == {"secret": "7:RAHASIA"}
    await save(manager, "alerts/hapus/1")
    assert await rows(antar) == []
    assert [action for _, action, _ in await audit(antar)] == ["alert.add", "alert.change", "alert.remove"]
    assert "RAHASIA" not in str(await audit(antar))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"email": "sari"}, "satu alamat e-mail"),
        ({"email": "a@b.test\nBcc: x@y.test"}, "satu alamat e-mail"),
        ({"way": "webhook", "webhook_url": "ftp://x"}, "diawali https://"),
        ({"way": "telegram", "chat": "-100123456"}, "Token bot harus diisi"),
        ({"way": "whatsapp", "phone": "sari"}, "satu nomor"),
        ({"way": "whatsapp", "phone": "628123456789", "gateway": "lain"}, "Wajib diisi"),
        ({"mail_host": "smtp://a:b@mail.test"}, "nama server surat saja"),
        ({"mail_host": "mail.test", "mail_port": "x"}, "nomor port"),
        ({"digest_at": "25:00"}, "jam seperti 07:00"),
    ],
)
async def test_what_cannot_be_is_told(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
    wrong: dict[str, str],
    words: str,
) -> None:
    answer = await save(manager, "alerts/create", **{**SARI, **wrong})
    assert (answer.status_code, words in answer.text, await rows(antar)) == (400, True, [])


async def test_the_list_tells_first_whether_a_way_works(manager: httpx.AsyncClient) -> None:  # noqa: F811
    await save(manager, "alerts/create", **SARI)
    page = (await manager.get("/admin/alerts/list")).text
    assert page.index("Belum pernah mengirim") < page.index("sari@klinik.test") < page.rindex("Klinik Contoh")
    assert "Dibuat" in (await manager.get("/admin/alerts/details/1")).text


async def test_a_secret_is_never_shown(manager: httpx.AsyncClient) -> None:  # noqa: F811
    await save(
        manager, "alerts/create", **{**SARI, "mail_host": "mail.test", "mail_user": "a", "mail_password": "RAHASIA"}
    )
    assert "mail.test" in (await manager.get("/admin/alerts/edit/1")).text
    for page in ("list", "details/1", "edit/1"):
        assert "RAHASIA" not in (await manager.get(f"/admin/alerts/{page}")).text


async def test_the_password_of_a_mail_server_is_kept_for_the_same_server_alone(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
) -> None:
    server = {"mail_host": "mail.test", "mail_user": "a@b", "mail_security": "tls"}
    await save(manager, "alerts/create", **{**SARI, **server, "mail_password": "x y"})
    await save(manager, "alerts/edit/1", **SARI, **server)
    [row] = await rows(antar)
    assert antar.hub.vault.open(row.sealed) == {"secret": "smtps://a%40b:x%20y@mail.test:465"}
    await save(manager, "alerts/edit/1", **{**SARI, **server, "mail_host": "lain.test"})
    [row] = await rows(antar)
    assert "x%20y" not in antar.hub.vault.open(row.sealed)["secret"]


async def test_whatsapp_goes_through_a_gateway_of_the_configuration(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
) -> None:
    antar.hub.settings = replace(antar.hub.settings, gateways=gateways_in(ROOT / "config"))
    channel = {
        "way": "whatsapp",
        "phone": "6281234567890",
        "gateway": "generic",
        "gateway_url": "https://wa.test/kirim",
    }
    await save(manager, "alerts/create", **{**SARI, **channel, "gateway_token": "RAHASIA"})
    [recipient] = await available(antar.hub.database)
    destination = destination_of(antar.hub, recipient)
    assert (destination.address, destination.url, destination.secret) == (
        "6281234567890",
        "https://wa.test/kirim",
        "RAHASIA",
    )
    assert destination.gateway is antar.hub.settings.gateways["generic"]
    page = (await manager.get("/admin/alerts/edit/1")).text
    assert ("https://wa.test/kirim" in page, "RAHASIA" in page) == (True, False)
    assert "6281234567890" not in (await manager.get("/admin/alerts/list")).text


async def test_a_form_shows_the_chosen_channel_open_and_the_others_folded(manager: httpx.AsyncClient) -> None:  # noqa: F811
    page = (await manager.get("/admin/alerts/create")).text
    channels = re.findall(r'data-channel="(\w+)" (open)?', page)
    assert channels == [("email", "open"), ("whatsapp", ""), ("telegram", ""), ("webhook", "")]
    assert "Simpan &amp; kirim pesan uji" in page


async def test_a_recipient_is_tried_while_being_added(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
) -> None:
    answer = await save(manager, "alerts/create", **{**SARI, "save": "try"})
    assert answer.headers["location"] == "/admin/alerts/details/1"
    assert "Server surat belum diatur" in (await manager.get("/admin/alerts/details/1")).text
    assert [action for _, action, _ in await audit(antar)] == ["alert.add", "alert.test"]


async def test_an_empty_list_says_what_to_do(manager: httpx.AsyncClient) -> None:  # noqa: F811
    assert "Belum ada penerima" in (await manager.get("/admin/alerts/list")).text


async def test_a_test_is_sent_and_its_failure_told(
    manager: httpx.AsyncClient,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await save(manager, "alerts/create", **SARI)
    assert (await save(manager, "alerts/uji/1")).status_code == 303
    assert "Server surat belum diatur" in (await manager.get("/admin/alerts/details/1")).text

    async def taken(*_: object) -> None:
        return None

    monkeypatch.setattr(alert_recipients, "deliver", taken)
    await save(manager, "alerts/uji/1")
    assert "Pesan uji diterima" in (await manager.get("/admin/alerts/details/1")).text


async def test_whoever_manages_one_clinic_sees_its_recipients_alone(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await users.add_user(antar.hub.database, "rini", PASSWORD, "superadmin", other.id)
    await users.add_user(antar.hub.database, "budi", PASSWORD, "superadmin")
    await log_in(nobody, "budi")
    await save(nobody, "alerts/create", **SARI)
    await log_in(nobody, "rini")
    assert "sari@klinik.test" not in (await nobody.get("/admin/alerts/list")).text
    assert (await nobody.get("/admin/alerts/details/1")).status_code == 404
    assert (await save(nobody, "alerts/uji/1")).status_code == 404
    assert (await save(nobody, "alerts/create", **{**SARI, "facility_id": ""})).status_code == 400


@pytest.mark.parametrize("kind", list(ConditionKind))
async def test_every_trouble_is_told_in_words(manager: httpx.AsyncClient, antar: SmallHub, kind: ConditionKind) -> None:  # noqa: F811
    await save(manager, "alerts/create", **SARI)
    message = await letter(antar, kind, n=12, of=40)
    assert message.subject.startswith("[DEMO] Antar: ")
    assert "Klinik Contoh" in message.subject
    assert "http://127.0.0.1:8000" in message.text
    assert message.events[0]["kind"] == kind.value
    well = await letter(antar, kind, well=True)
    assert well.events[0]["state"] == "cleared"
    assert well.subject != message.subject
    assert well.subject.endswith(well.events[0]["title"])
    assert "terganggu sejak 10/03/2026 08.00 WIB" in well.text


async def test_a_refused_account_leads_to_its_clinic(manager: httpx.AsyncClient, antar: SmallHub) -> None:  # noqa: F811
    await save(manager, "alerts/create", **SARI)
    message = await letter(antar, ConditionKind.REFUSED)
    address = f"/admin/facilities/details/{antar.facility.id}"
    assert f"http://127.0.0.1:8000{address}\n" in message.text
    assert (await manager.get(address)).status_code == 200


async def test_a_digest_counts_yesterday_and_names_what_is_to_be_done(
    manager: httpx.AsyncClient,  # noqa: F811
    antar: SmallHub,
) -> None:
    await save(manager, "alerts/create", **SARI)
    antar.ministry.script = [refused(Verdict.REJECTED, 400, message="salah")] * 2
    names = [{"id": f"V{n}", "at": "2026-03-09", "note": "Budi Santoso"} for n in range(5)]
    await antar.hand_in("Visit", *names)
    await antar.work()
    antar.clock.pass_(0)
    [recipient] = await available(antar.hub.database)
    digest = await AlertMessages(antar.hub).digest(recipient, await facts(antar.hub))
    assert "Ringkasan pagi Klinik Contoh" in digest.subject
    assert "kemarin (09/03/2026):\nterkirim 3, gagal 2, tertahan 0" in digest.text
    assert "- Kunjungan: " in digest.text
    assert "Budi" not in digest.text


async def test_a_digest_names_what_has_no_code_yet(drugs: DrugCatalog) -> None:
    values = {"name": "sari", "way": "email", "address": "sari@klinik.test", "facility_id": drugs.facility.id}
    values |= {"waiting_minutes": 60, "failure_percent": 20, "created_at": 0}
    await drugs.database.write_models(lambda tx: tx.execute(insert(AlertRecipient).values(values)))
    await drugs.antar.hand_in("Good", {"code": "B1", "name": "Kopi bubuk 10 mg"})
    await drugs.antar.hand_in("Order", {"id": "O1", "goods": ["B1", "B2"], "at": AT})
    await drugs.antar.work()
    [recipient] = await available(drugs.database)
    digest = await AlertMessages(drugs.antar.hub).digest(recipient, await facts(drugs.antar.hub))
    assert "- 2 barang belum punya kode (1 kiriman ikut terkirim)\n" in digest.text
    assert "/pemetaan/goods" in digest.text
