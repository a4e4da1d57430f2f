"""*Kesehatan*: problems with their remedies, and the same facts for monitors."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from adapters.base import Verdict
from admin.text.words import say
from engine.facilities.facilities import add_facility
from engine.maintenance.clock_watch import ClockWatch
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio


async def sign(antar: SmallHub, name: str, age: float = 0.0) -> None:
    """Store a worker whose last beat is that many seconds old."""
    beat = {"name": name, "at": antar.clock.now - int(age * 1000)}
    query = text("INSERT INTO workers (name, started_at, beat_at, in_flight) VALUES (:name, :at, :at, 3)")
    await antar.hub.database.write_models(lambda tx: tx.execute(query, beat))


async def test_a_house_without_workers_says_what_to_do(person: httpx.AsyncClient) -> None:
    page = (await person.get("/kesehatan")).text
    assert "Tidak ada pengirim aktif: tidak ada yang dikirim" in page
    assert "Jalankan antar worker" in page


async def back_up(antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE installation SET backed_up_at = 1")))


async def test_a_house_in_which_all_is_well_says_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await sign(antar, "mesin-1")
    await back_up(antar)
    page = (await person.get("/kesehatan")).text
    assert "Semua berjalan baik." in page
    assert "mesin-1" in page


async def test_a_house_that_was_never_backed_up_is_warned(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await sign(antar, "mesin-1")
    page = (await person.get("/kesehatan")).text
    assert "Semua berjalan baik." not in page
    assert "Belum pernah dicadangkan" in page
    assert "alarms-mild" in page


async def test_a_clinic_without_credentials_is_not_ready(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await sign(antar, "mesin-1")
    await back_up(antar)
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE users SET role = 'superadmin'")))
    second = await add_facility(antar.hub.database, "kedua", "Klinik Kedua")
    page = (await person.get("/kesehatan")).text
    assert "Semua berjalan baik." not in page
    assert "Belum siap: kredensial belum diisi (Klinik Kedua)" in page
    assert f'href="/admin/facilities/edit/{second.id}"' in page


async def test_a_refused_account_is_told_with_reason_and_remedy(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    page = (await person.get("/kesehatan")).text
    assert "Akun Kementerian ditolak atau belum lengkap (klinik): invalid_client" in page
    assert "Periksa kredensial" in page


async def test_missing_credentials_are_told_once_something_waits_for_them(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await sign(antar, "mesin-1")
    await antar.hub.database.on_connection(lambda connection: connection.exec_driver_sql("DELETE FROM credentials"))
    closed = "INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at) "
    values = "VALUES (1, 'ministry', 'refused', 'Kredensial belum lengkap', 0, 0)"
    await antar.hub.database.on_connection(lambda connection: connection.exec_driver_sql(closed + values))
    idle = (await person.get("/kesehatan")).text
    assert "Belum siap: kredensial belum diisi (Klinik Contoh)" in idle
    assert "ditolak atau belum lengkap" not in idle
    await antar.hand_in("Visit", {"id": "V1"})
    page = (await person.get("/kesehatan")).text
    assert "Semua berjalan baik." not in page
    assert "ditolak atau belum lengkap (klinik): Kredensial belum lengkap" in page


async def test_a_queue_that_piles_up_is_told_while_workers_live(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    antar.clock.pass_(3600)
    await sign(antar, "mesin-1")
    page = (await person.get("/kesehatan/keadaan")).text
    assert "Kiriman ke Kementerian (klinik) menumpuk: tertua 1 jam" in page
    assert "<html" not in page


async def test_what_waits_is_told_by_type_and_what_was_tried_by_upstream(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V2", "person": "P9"})
    await antar.work()
    page = (await person.get("/kesehatan")).text
    assert 'href="/integrasi/ministry/Visit"' in page
    assert "(1 tertahan)" in page
    assert "1 dari 1</td>" in page


async def test_a_worker_that_fell_silent_does_not_count_as_alive(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await sign(antar, "mesin-1", age=300)
    page = (await person.get("/kesehatan")).text
    assert "5 mnt lalu" in page
    assert "Tidak ada pengirim aktif" in page


async def test_a_database_that_is_behind_is_an_alarm(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    )
    assert "Mulai ulang antar web" in (await person.get("/kesehatan")).text


async def test_another_clinics_queue_is_hidden_from_who_may_not_see_it(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await antar.hub.database.on_connection(
        lambda connection: connection.exec_driver_sql("UPDATE users SET facility_id = 1")
    )
    await antar.hub.database.on_connection(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at) "
            f"VALUES ({other.id}, 'ministry', 'down', 'RAHASIA', 0, 0)"
        )
    )
    assert "RAHASIA" not in (await person.get("/kesehatan")).text


@pytest.mark.parametrize(("asked", "whole"), [({}, True), ({"HX-Request": "true"}, False)])
async def test_a_connection_can_be_tried(
    person: httpx.AsyncClient, antar: SmallHub, asked: dict[str, str], whole: bool
) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE users SET role = 'superadmin'")))
    answer = await person.post("/kesehatan/uji/ministry", headers={"Sec-Fetch-Site": "same-origin", **asked})
    assert "Uji koneksi Kementerian" in answer.text
    assert "Berhasil" in answer.text
    assert ("<html" in answer.text) is whole


async def test_who_may_not_manage_is_not_offered_the_trial(person: httpx.AsyncClient) -> None:
    answer = await person.post("/kesehatan/uji/ministry", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 403
    assert "/kesehatan/uji" not in (await person.get("/kesehatan")).text


async def test_monitors_get_the_same_pace_as_facts(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    facts = (await his.get("/health/upstreams")).json()["pace"]
    metrics = (await his.get("/metrics")).text
    assert facts["latency"]["ministry"]["requests"] == 1
    assert "last_hour" not in facts  # it counts all clinics
    assert "antar_attempts_last_hour" not in metrics
    assert 'antar_latency_seconds{quantile="0.95",upstream="ministry"}' in metrics


async def test_what_counts_all_clinics_is_shown_to_nobody_of_one(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert say("health.pace.hour") in (await person.get("/kesehatan")).text
    confine = text("UPDATE users SET facility_id = :facility")
    await antar.hub.database.write_models(lambda tx: tx.execute(confine, {"facility": antar.facility.id}))
    assert say("health.pace.hour") not in (await person.get("/kesehatan")).text


async def test_figures_of_the_whole_installation_are_called_so(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert say("health.of_all") not in (await person.get("/kesehatan")).text
    await add_facility(antar.hub.database, "lain", "Klinik Lain")
    assert (
        f'{say("health.latency")}<span class="of-all">{say("health.of_all")}<' in (await person.get("/kesehatan")).text
    )


async def test_the_last_backup_is_told(person: httpx.AsyncClient, antar: SmallHub) -> None:
    assert "Belum pernah</span>" in (await person.get("/kesehatan")).text
    noted = text("UPDATE installation SET backed_up_at = :now")
    await antar.hub.database.write_models(lambda tx: tx.execute(noted, {"now": antar.clock()}))
    assert "10/03/2026 08.00" in (await person.get("/kesehatan")).text


async def test_a_clock_that_jumped_is_told_with_how_long_pruning_waits(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    uptime = [4 * 86_400_000, 0]
    watch = ClockWatch(antar.hub.database, lambda: uptime.pop(0))
    assert await watch.time_to_prune() is None
    page = (await person.get("/kesehatan/keadaan")).text
    assert "Jam server melompat maju 4 hari" in page
    assert "dilanjutkan sendiri dalam 6 jam" in page
    assert "Ditunda sampai" in page
    antar.clock.pass_(6 * 3600)
    assert "Jam server" not in (await person.get("/kesehatan/keadaan")).text


async def test_the_last_hours_are_drawn_with_the_answer_times(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    page = (await person.get("/kesehatan")).text
    assert page.count('class="chart-bar"') == 24
    assert '<th scope="row">08.00</th><td>1</td><td>0</td><td>0</td><td>tidak</td>' in page
    assert "Waktu jawab Kementerian" in page
    assert "50 % tanpa jawaban" in page
