"""Pages and facts: the dashboard for people, and the figures for monitors."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from admin.logging_config import set_up_logging
from admin.text.words import catalogue, duration, number
from engine.facilities.facilities import add_facility
from tests import databases
from tests.admin.conftest import PASSWORD, log_in
from tests.engine.small_hub import AT, CATALOG, SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio


async def test_the_dashboard_counts_what_was_sent_and_what_was_not(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(4)))
    await antar.work()
    page = (await person.get("/integrasi/ministry")).text
    assert re.search(r"<strong>3</strong> / 4", page)
    assert "Tidak Terkirim <strong>1</strong>" in page
    assert 'class="s-failed" x="75.0" y="0" width="25.0"' in page


async def test_an_unknown_upstream_is_a_readable_404(person: httpx.AsyncClient) -> None:
    answer = await person.get("/integrasi/nowhere")
    assert answer.status_code == 404
    assert "Halaman ini tidak ada." in answer.text


@pytest.mark.parametrize("address", [f"Visit?after={10**30}", "Visit?text=%00", f"Visit/{10**30}", "Visit?size=x"])
async def test_an_address_that_nobody_can_mean_is_told_in_words(person: httpx.AsyncClient, address: str) -> None:
    answer = await person.get(f"/integrasi/ministry/{address}")
    assert answer.status_code == 400
    assert "tidak dapat dibaca" in answer.text


async def test_hostile_words_of_a_spec_are_rendered_harmless(tmp_path_factory, clock) -> None:  # type: ignore[no-untyped-def]
    from admin.app import create_app
    from admin.people import users

    path = tmp_path_factory.mktemp("hostile")
    catalog = CATALOG.replace("label: Kunjungan\n", 'label: "<script>alert(1)</script>"\n')
    antar = await open_small_hub(path, databases.sqlite(path), clock, catalog)
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    transport = httpx.ASGITransport(create_app(antar.hub))
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        await log_in(client)
        page = (await client.get("/integrasi/ministry")).text
    await antar.hub.close()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


async def test_health_says_what_is_closed_and_why(his: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    facts = (await his.get("/health/upstreams")).json()
    [channel] = facts["channels"]
    assert (channel["cause"], channel["reason"]) == ("refused", "invalid_client")
    assert facts["workers_alive"] == 0


async def test_live_and_ready_are_open(nobody: httpx.AsyncClient) -> None:
    assert [(await nobody.get(f"/health/{name}")).status_code for name in ("live", "ready")] == [200, 200]


async def test_metrics_count_by_status_and_name_no_patient(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "RM-SECRET"})
    metrics = (await his.get("/metrics")).text
    assert 'antar_deliveries{facility="klinik",spec="Visit",status="queued"} 1.0' in metrics
    assert "RM-SECRET" not in metrics


async def test_ready_says_what_is_missing(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    assert set((await nobody.get("/health/ready")).json().values()) == {"ok"}
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    )
    behind = await nobody.get("/health/ready")
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DROP TABLE alembic_version")))
    away = await nobody.get("/health/ready")
    assert (behind.status_code, behind.json()["migrations"]) == (503, "behind")
    assert (away.status_code, away.json()["database"]) == (503, "away")


async def test_a_key_sees_the_health_of_its_own_facility_only(his: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await antar.hub.intake.hand_in(other, "Visit", [{"id": "V1", "at": AT}])
    channels = (await his.get("/health/upstreams")).json()["channels"]
    assert [channel["facility"] for channel in channels] == ["klinik"]
    assert "lain" not in (await his.get("/metrics")).text


async def test_a_person_sees_the_health_of_every_facility(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await add_facility(antar.hub.database, "lain", "Klinik Lain")
    channels = (await person.get("/health/upstreams")).json()["channels"]
    assert [channel["facility"] for channel in channels] == ["klinik", "lain"]


async def test_a_request_is_one_line_of_the_log_with_its_route_and_who_asked(
    his: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("INFO")
    await his.get("/api/v1/deliveries/3171010101010001", params={"bodies": "true"})
    await his.get("/health/live")
    [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["route"], line["status"]) == ("request", "/api/v1/deliveries/{id_}", 404)
    assert line["facility"] == "klinik"


async def test_a_search_for_a_patient_is_not_logged_by_the_library_that_sends_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging("DEBUG")
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("http://ministry.test/Patient", params={"identifier": "nik|3171010101010001"})
    assert "3171010101010001" not in "".join(capsys.readouterr())


async def test_nothing_private_is_logged(
    his: httpx.AsyncClient, antar: SmallHub, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("DEBUG")
    secret = {"id": "V-RAHASIA", "person": "NORM-RAHASIA", "note": "SITI RAHASIA 3171010101010001"}
    antar.ministry.script = [refused(Verdict.REJECTED, 400, message="bad"), _explode]
    await his.post("/api/v1/records/Visit", json=[{**secret, "at": AT}, {"id": "SALAH-RAHASIA", "at": 1}])
    await his.post("/api/v1/records/Visit", content=b'{"nik": "3171010101010001"')
    await antar.hand_in("Visit", {"id": "V2-RAHASIA"})
    await antar.work()
    await log_in(his, "SARI-RAHASIA", "kata-RAHASIA")
    logged = "".join(capsys.readouterr())
    assert "RAHASIA" not in logged
    assert "3171010101010001" not in logged
    assert any(json.loads(line)["event"] for line in logged.splitlines())


def _explode(call):  # type: ignore[no-untyped-def]
    raise RuntimeError(f"while sending {call.body!r}")


def test_numbers_and_durations_read_as_in_indonesia() -> None:
    assert number(1_234_567) == "1.234.567"
    assert [duration(seconds) for seconds in (5, 190, 7_300, 200_000)] == ["5 dtk", "3 mnt", "2 jam", "2 hari"]


def test_every_word_of_the_templates_is_in_the_catalogue() -> None:
    from pathlib import Path

    import admin

    folder = Path(admin.__file__).parent
    used = {
        key
        for path in [*folder.rglob("*.html"), *folder.rglob("*.py")]
        for key in re.findall(r"\bsay\(\s*[\"']([a-z_.]+)[\"']", path.read_text("utf-8"))
    }
    assert {key for key in used if not key.endswith(".")} <= catalogue().keys()
