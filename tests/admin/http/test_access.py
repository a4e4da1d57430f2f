"""Access: every route with every kind of visitor."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import text

from admin.app import litestar_app
from admin.http.access import IDLE_MS, SEEN_NOTE_MS, SESSION_MS, Right
from admin.http.throttle import MAX_KEYS, MAX_PER_ADDRESS, MAX_PER_NAME, WINDOW_MS, Throttle
from admin.people import users
from engine.facilities.facilities import add_facility, api_keys, new_api_key, revoke_api_key
from tests.admin.conftest import PASSWORD, log_in
from tests.conftest import Clock
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
EXAMPLES = {"spec": "Visit", "id_": "1", "upstream": "ministry", "file_path": "antar.css", "name": "doctors"}
EXAMPLES |= {"mapping": "goods", "code": "klinik", "poli": "001", "day": "2026-03-10", "card": "0001234567890"}
EXAMPLES |= {"visit": "1", "patient": "1", "month": "2026-03", "view": "1"}


def routes(app: Litestar) -> list[tuple[str, str, Right | None]]:
    """Return (method, address, right) of every route except the login, which has its own tests."""
    with_rights = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                path = route.path_format
                for name, value in EXAMPLES.items():
                    path = path.replace(f"{{{name}}}", value)
                methods = sorted(handler.http_methods - {"OPTIONS", "HEAD"})
                with_rights += [(method, path, handler.opt.get("right")) for method in methods if path != "/login"]
    return with_rights


async def visit(client: httpx.AsyncClient, method: str, path: str, **headers: str) -> httpx.Response:
    return await client.request(method, path, headers=headers, follow_redirects=False)


def refused(answer: httpx.Response) -> bool:
    return answer.status_code in {401, 403} or (
        answer.status_code == 303 and answer.headers.get("location") == "/login"
    )


async def test_every_route_declares_a_right(antar: SmallHub) -> None:
    silent = [(method, path) for method, path, right in routes(litestar_app()) if right is None]
    assert silent == []


async def test_nobody_sees_anything_that_is_not_open(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    for method, path, right in routes(litestar_app()):
        answer = await visit(nobody, method, path)
        assert refused(answer) == (right is not Right.OPEN), (method, path, answer.status_code)


@pytest.mark.parametrize("key", ["antar_00000000_wrong", "", "' OR 1=1 --", "a" * 10_000])
async def test_a_wrong_key_opens_nothing(nobody: httpx.AsyncClient, antar: SmallHub, key: str) -> None:
    for method, path, right in routes(litestar_app()):
        answer = await visit(nobody, method, path, Authorization=f"Bearer {key}")
        assert refused(answer) == (right is not Right.OPEN), (method, path, answer.status_code)


async def test_an_api_key_opens_no_page(his: httpx.AsyncClient, antar: SmallHub) -> None:
    for method, path, right in routes(litestar_app()):
        answer = await visit(his, method, path)
        assert refused(answer) == (right in {Right.PANEL, Right.PERSON, Right.INBOUND}), (
            method,
            path,
            answer.status_code,
        )


async def test_a_person_needs_a_key_for_the_api(person: httpx.AsyncClient, antar: SmallHub) -> None:
    everything = text("UPDATE users SET role = 'superadmin'")
    await antar.hub.database.write_models(lambda tx: tx.execute(everything))
    for method, path, right in routes(litestar_app()):
        if path != "/logout":
            answer = await visit(person, method, path, **{"Sec-Fetch-Site": "same-origin"})
            assert refused(answer) == (right in {Right.HIS, Right.INBOUND}), (method, path, answer.status_code)


async def test_a_role_that_allows_nothing_opens_no_page(person: httpx.AsyncClient, antar: SmallHub) -> None:
    empty = text("UPDATE roles SET permissions = '[]' WHERE name = 'admin'")
    await antar.hub.database.write_models(lambda tx: tx.execute(empty))
    for method, path, right in routes(litestar_app()):
        if right is Right.PANEL:
            assert (await visit(person, method, path, **{"Sec-Fetch-Site": "same-origin"})).status_code == 403, path


async def test_another_site_can_make_a_browser_change_nothing(person: httpx.AsyncClient, antar: SmallHub) -> None:
    for method, path, _ in routes(litestar_app()):
        if method != "GET":
            answer = await visit(person, method, path, **FOREIGN)
            assert answer.status_code == 403, (method, path)
            assert (await visit(person, method, path, Origin="https://evil.example")).status_code == 403


async def test_a_revoked_key_opens_nothing(his: httpx.AsyncClient, antar: SmallHub) -> None:
    assert (await his.get("/api/v1/deliveries")).status_code == 200
    prefix = his.headers["Authorization"].split("_")[1]
    await revoke_api_key(antar.hub.database, prefix)
    assert (await his.get("/api/v1/deliveries")).status_code == 401


async def test_another_facilitys_delivery_is_not_there(his: httpx.AsyncClient, antar: SmallHub) -> None:
    id_ = (await his.post("/api/v1/records/Visit", json={"id": "V1", "at": AT})).json()["results"][0]["id"]
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    key = await new_api_key(antar.hub.database, other.id, "simrs")
    his.headers["Authorization"] = f"Bearer {key}"
    assert (await his.get(f"/api/v1/deliveries/{id_}")).status_code == 404
    assert (await his.post(f"/api/v1/deliveries/{id_}/resend")).status_code == 404
    assert (await his.get("/api/v1/deliveries")).json()["deliveries"] == []


async def test_a_login_begins_a_session_and_a_logout_ends_it(person: httpx.AsyncClient) -> None:
    assert (await person.get("/integrasi/ministry")).status_code == 200
    await person.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert refused(await person.get("/integrasi/ministry"))


async def test_a_new_password_ends_every_session(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await users.set_password(antar.hub.database, "sari", "kata-sandi-yang-baru")
    assert refused(await person.get("/integrasi/ministry"))


async def test_a_session_ends_after_its_life(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.clock.now += SESSION_MS
    assert refused(await person.get("/integrasi/ministry"))


async def test_a_session_that_nobody_uses_ends(person: httpx.AsyncClient, antar: SmallHub) -> None:
    antar.clock.now += IDLE_MS
    assert refused(await person.get("/integrasi/ministry"))


async def test_a_session_in_use_goes_on_until_its_life_ends(person: httpx.AsyncClient, antar: SmallHub) -> None:
    begun = antar.clock.now
    while antar.clock.now - begun + IDLE_MS // 2 < SESSION_MS:
        antar.clock.now += IDLE_MS // 2
        assert (await person.get("/integrasi/ministry")).status_code == 200
    antar.clock.now += IDLE_MS // 2
    assert refused(await person.get("/integrasi/ministry"))


async def test_a_page_that_refreshes_itself_keeps_no_session_alive(person: httpx.AsyncClient, antar: SmallHub) -> None:
    for _ in range(2):
        antar.clock.now += max(SEEN_NOTE_MS, IDLE_MS // 2)
        answer = await person.get("/integrasi/ministry/cards", headers={"HX-Request": "true"})
    assert answer.headers["hx-redirect"] == "/login"


async def test_a_logout_everywhere_ends_copied_cookies(person: httpx.AsyncClient) -> None:
    copied = person.cookies["antar"]
    await person.post("/logout", data={"everywhere": "yes"}, headers={"Sec-Fetch-Site": "same-origin"})
    person.cookies.clear()
    assert refused(await visit(person, "GET", "/integrasi/ministry", Cookie=f"antar={copied}"))


async def test_another_site_cannot_log_a_person_in(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    answer = await nobody.post("/login", data={"name": "sari", "password": PASSWORD}, headers=FOREIGN)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_program_without_a_key_is_told_which_key_to_send(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.post("/api/v1/records/Visit", json={})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "antar key new" in answer.json()["error"]["message"]


async def test_a_login_is_read_no_further_than_a_login_may_be(nobody: httpx.AsyncClient) -> None:
    assert (await log_in(nobody, "sari", "x" * 100_000)).status_code == 413


async def test_a_tampered_cookie_is_nobody(person: httpx.AsyncClient) -> None:
    cookie = person.cookies["antar"]
    person.cookies.clear()
    answer = await visit(person, "GET", "/integrasi/ministry", Cookie=f"antar={'A' + cookie[1:]}")
    assert refused(answer)


async def test_an_ended_session_sends_a_live_page_to_the_login(nobody: httpx.AsyncClient) -> None:
    answer = await visit(nobody, "GET", "/integrasi/ministry/cards", **{"HX-Request": "true"})
    assert answer.headers["hx-redirect"] == "/login"


@pytest.mark.parametrize(("name", "password"), [("sari", "salah"), ("tidak-ada", PASSWORD), ("", "")])
async def test_a_wrong_login_is_told_without_saying_what_is_wrong(
    nobody: httpx.AsyncClient, antar: SmallHub, name: str, password: str
) -> None:
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    answer = await log_in(nobody, name, password)
    assert answer.status_code == 401
    assert "Nama pengguna atau kata sandi salah." in answer.text


async def test_guessing_is_slowed_down_and_forgotten_later(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    for _ in range(MAX_PER_NAME):
        await log_in(nobody, password="salah")
    assert (await log_in(nobody)).status_code == 429
    antar.clock.now += WINDOW_MS
    assert (await log_in(nobody)).status_code == 303


async def test_parallel_guesses_are_no_more_than_guesses_in_a_row(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    await users.add_user(antar.hub.database, "sari", PASSWORD)
    answers = await asyncio.gather(*(log_in(nobody, password=f"salah-{n}") for n in range(3 * MAX_PER_NAME)))
    assert [answer.status_code for answer in answers].count(401) == MAX_PER_NAME


def test_an_address_may_not_go_from_name_to_name(clock: Clock) -> None:
    throttle = Throttle(clock)
    assert [throttle.admit(f"user{n}", "10.0.0.1") for n in range(MAX_PER_ADDRESS + 1)][-2:] == [0, WINDOW_MS // 1000]
    assert throttle.admit("user0", "10.0.0.2") == 0


def test_a_right_password_is_no_guess(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(2 * MAX_PER_ADDRESS):
        assert throttle.admit("sari", "10.0.0.1") == 0
        throttle.succeeded("sari", "10.0.0.1")


def test_what_guessers_leave_behind_is_cleared_away(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(MAX_KEYS):
        throttle.admit("x" * 1_000_000, f"address {n}")
    clock.now += WINDOW_MS
    throttle.admit("sari", "10.0.0.1")
    assert len(throttle._tries) == 2


async def test_every_answer_forbids_the_browser_what_it_need_not_do(nobody: httpx.AsyncClient) -> None:
    for path in ("/login", "/api/v1/deliveries", "/static/antar.css", "/nowhere"):
        headers: Any = (await nobody.get(path)).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


ODD = (
    "%00", "a%00b", "antar.css%00.png", "img/..%00/", "x" * 300, "x" * 5000, "x/" * 3000, "antar.css/x", "%0d%0a",
    "%7f", "%ff", "%ed%a0%80", "%5c..%5capp.py", "%c0%ae%c0%ae/app.py", "%25%30%30", "%20", "antar.css%20",
    "%2e%2e/%2e%2e/etc",
)  # fmt: skip


@pytest.mark.parametrize("folder", ["/static/", "/admin/statics/"])
async def test_a_name_that_no_file_can_have_is_not_found(person: httpx.AsyncClient, folder: str) -> None:
    for name in ODD:
        for method in ("GET", "HEAD"):
            answer = await person.request(method, folder + name)
            assert (name[:30], method, answer.status_code) == (name[:30], method, 404)


async def test_no_page_breaks_by_an_odd_path(person: httpx.AsyncClient) -> None:
    for folder in ("/", "/admin/", "/admin/facilities/details/", "/pemetaan/", "/api/v1/records/", "/inbound/"):
        answers = {name[:30]: (await person.get(folder + name)).status_code for name in ODD}
        assert (folder, [name for name, status in answers.items() if status >= 500]) == (folder, [])


async def test_static_files_are_there(nobody: httpx.AsyncClient) -> None:
    for path in ("/static/antar.css", "/static/css/main.css"):  # ours, and SQLAdmin's
        assert (await nobody.get(path)).status_code == 200


async def test_static_files_cannot_be_escaped(nobody: httpx.AsyncClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        assert (await nobody.get(path)).status_code in {404, 400}


async def test_the_use_of_a_key_is_noted_now_and_then(his: httpx.AsyncClient, antar: SmallHub) -> None:
    await his.get("/api/v1/deliveries")
    [first] = await api_keys(antar.hub.database)
    antar.clock.pass_(1)
    await his.get("/api/v1/deliveries")
    [second] = await api_keys(antar.hub.database)
    assert first.last_used_at == second.last_used_at == antar.clock.now - 1000


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


async def test_secrets_are_sealed_and_keys_hashed_at_rest(
    his: httpx.AsyncClient, antar: SmallHub, tmp_path: Path
) -> None:
    await his.get("/api/v1/deliveries")
    stored = bytes_of(tmp_path / "antar.sqlite3") + bytes_of(tmp_path / "antar.sqlite3-wal")
    assert b"klinik" in stored
    for secret in (b"rahasia", his.headers["Authorization"].split()[1].encode()):
        assert secret not in stored
