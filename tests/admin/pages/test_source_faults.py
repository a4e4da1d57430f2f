"""Each fault of a clinic's database says on the page what to do: on MariaDB, where one answers."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from adapters.his_database.faults import FaultKind
from adapters.his_database.mariadb import MariadbDialect
from tests import databases
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub
from tests.engine.sources.conftest import MARIADB, answers
from tests.engine.sources.unheard_of import SOURCE, TABLES, MariadbClinic

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not answers(), reason=f"NO MARIADB at {MARIADB.host}:{MARIADB.port} (ANTAR_TEST_MARIADB_URL)"),
]

HOSTS = ("127.0.0.1", "localhost")  # from which the server may see the test come
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def clinic() -> AsyncIterator[MariadbClinic]:
    """Yield a clinic's database with a user who may read it."""
    name = f"antar_his_{secrets.token_hex(4)}"
    opened = MariadbClinic(MARIADB, name)
    await opened.at_server(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    await opened.run(TABLES)
    for host in HOSTS:
        await opened.at_server(f"CREATE USER '{name}'@'{host}' IDENTIFIED BY 'baca'")
        await opened.at_server(f"GRANT SELECT ON {name}.* TO '{name}'@'{host}'")
    opened.credentials |= {"user": name, "password": "baca"}
    yield opened
    for host in HOSTS:
        await opened.at_server(f"DROP USER '{name}'@'{host}'")
    await opened.at_server(f"DROP DATABASE {name}")


@pytest.fixture
async def antar(tmp_path: Path, clock: Clock) -> AsyncIterator[SmallHub]:
    catalog = CATALOG + SOURCE.replace("system: sqlite", "system: mariadb")
    opened = await open_small_hub(tmp_path, databases.sqlite(tmp_path), clock, catalog)
    yield opened
    await opened.hub.close()


@pytest.fixture
async def person(person: httpx.AsyncClient, antar: SmallHub) -> httpx.AsyncClient:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE users SET role = 'superadmin'")))
    return person


async def enter(person: httpx.AsyncClient, clinic: MariadbClinic, **changed: str) -> str:
    fields = {**clinic.credentials, **changed}
    return (await person.post("/sumber/tabib/kredensial", data=fields, headers=SAME_SITE)).text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "salah"}, "Server menolak pengguna atau kata sandinya."),
        ({"port": "1"}, "Server database klinik tidak menjawab. Periksa apakah server menyala"),
        ({"port": "abc"}, "porta harus angka"),
        ({"database": "tidak_ada"}, "Database tidak_ada tidak ada, atau pengguna belum boleh membukanya."),
        ({}, "2 dari 2 tabel dapat dibaca."),
    ],
)
async def test_credentials_that_do_not_fit_are_told(
    person: httpx.AsyncClient, clinic: MariadbClinic, changed: dict[str, str], words: str
) -> None:
    assert words in await enter(person, clinic, **changed)


async def test_a_user_of_another_address_and_one_who_needs_tls_are_refused_with_what_to_check(
    person: httpx.AsyncClient, clinic: MariadbClinic
) -> None:
    name = clinic.credentials["user"]
    for host in HOSTS:
        await clinic.at_server(f"ALTER USER '{name}'@'{host}' REQUIRE SSL")
    page = await enter(person, clinic)
    assert ("alamat komputer Antar" in page, "memerlukan sertifikat CA" in page) == (True, True)
    host_is_unknown = DBAPIError("", None, Exception(1130, "Host '10.0.0.9' is not allowed to connect to this server"))
    assert MariadbDialect().fault(host_is_unknown).kind is FaultKind.REFUSED


async def test_a_missing_table_and_a_missing_right_are_named(person: httpx.AsyncClient, clinic: MariadbClinic) -> None:
    name = clinic.credentials["database"]
    for host in HOSTS:
        await clinic.at_server(f"REVOKE SELECT ON {name}.* FROM '{name}'@'{host}'")
        await clinic.at_server(f"GRANT SELECT ON {name}.kunjungan TO '{name}'@'{host}'")
    page = await enter(person, clinic)
    unreadable = page.partition('<ul class="mb-0">')[2].partition("</ul>")[0]
    assert ("1 dari 2 tabel" in page, "temuan" in unreadable) == (True, True)
    await clinic.run("DROP TABLE kunjungan")
    assert "kunjungan tidak ada di database klinik" in await enter(person, clinic)


async def test_a_user_who_may_write_is_warned_of(person: httpx.AsyncClient, clinic: MariadbClinic) -> None:
    name = clinic.credentials["database"]
    for host in HOSTS:
        await clinic.at_server(f"GRANT INSERT ON {name}.* TO '{name}'@'{host}'")
    assert "Pengguna database ini boleh menulis." in await enter(person, clinic)


async def test_a_query_through_a_large_table_is_warned_of_in_the_trial(
    person: httpx.AsyncClient, clinic: MariadbClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.his_database.inspection.MANY_ROWS", 0)
    await clinic.run("INSERT INTO kunjungan VALUES ('K1', '2026-03-10', '08:00:00', 'S', ''), ('K2', NULL, '', '', '')")
    await enter(person, clinic)
    page = (await person.post("/sumber/tabib/coba/visits?tanggal=2026-03-10", headers=SAME_SITE)).text
    assert ("1 baik" in page, "Seluruh tabel kunjungan dibaca" in page) == (True, True)
