"""*Akun saya*: the change of the own password."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from admin.app import create_app
from admin.http.throttle import MAX_PER_NAME
from admin.people import users
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.http.test_access import FOREIGN
from tests.admin.http.test_rights import OWN, allow
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

NEW = "sandi-baru-yang-panjang"
FORM = {"old": PASSWORD, "new": NEW, "again": NEW}


async def change(client: httpx.AsyncClient, headers: dict[str, str] = OWN, **fields: str) -> httpx.Response:
    return await client.post("/akun/sandi", data={**FORM, **fields}, headers=headers)


async def test_a_person_without_any_right_changes_their_password_and_stays_logged_in(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await allow(antar)
    assert (await change(person)).headers["location"] == "/akun"
    assert "Kata sandi sudah diganti" in (await person.get("/akun")).text
    assert "Kata sandi sudah diganti" not in (await person.get("/akun")).text
    assert await users.verify(antar.hub.database, "sari", NEW)
    assert await users.verify(antar.hub.database, "sari", PASSWORD) is None


async def test_the_other_sessions_end(person: httpx.AsyncClient, antar: SmallHub) -> None:
    transport = httpx.ASGITransport(create_app(antar.hub))
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as elsewhere:
        await log_in(elsewhere)
        assert (await elsewhere.get("/akun")).status_code == 200
        await change(person)
        assert (await elsewhere.get("/akun")).headers["location"] == "/login"


async def test_the_change_is_in_the_audit_log_without_the_password(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await change(person)
    rows = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit"))
    assert [tuple(row) for row in rows] == [("sari", "user.password", "sari")]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"old": "bukan-sandi-ini"}, "Kata sandi lama salah."),
        ({"again": "lain"}, "Kedua kata sandi tidak sama."),
        ({"new": "pendek", "again": "pendek"}, "paling sedikit 10 karakter"),
        ({"new": PASSWORD, "again": PASSWORD}, "sama dengan yang lama"),
    ],
)
async def test_what_is_wrong_is_told_and_changes_nothing(
    person: httpx.AsyncClient, antar: SmallHub, wrong: dict[str, str], words: str
) -> None:
    answer = await change(person, **wrong)
    assert (answer.status_code, words in answer.text) == (400, True)
    assert await users.verify(antar.hub.database, "sari", PASSWORD)
    assert (await person.get("/akun")).status_code == 200


async def test_guesses_of_the_old_password_are_throttled(person: httpx.AsyncClient, antar: SmallHub) -> None:
    answers = [(await change(person, old=f"tebakan-{n}")).status_code for n in range(MAX_PER_NAME)]
    assert answers == [400] * MAX_PER_NAME
    assert (await change(person)).status_code == 429
    assert await users.verify(antar.hub.database, "sari", PASSWORD)


async def test_of_two_changes_with_the_same_old_password_one_succeeds(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    logged_in = await users.verify(antar.hub.database, "sari", PASSWORD)
    assert logged_in
    assert await users.change_password(antar.hub.database, logged_in, PASSWORD, NEW)
    assert await users.change_password(antar.hub.database, logged_in, PASSWORD, "sandi-ketiga-yang-panjang") is None


async def test_another_site_cannot_change_a_password(person: httpx.AsyncClient) -> None:
    assert (await change(person, FOREIGN)).status_code == 403
