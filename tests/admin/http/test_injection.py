"""Text that looks like SQL, a header or another person's session is treated like any other text."""

from __future__ import annotations

import httpx
import pytest

from admin.app import litestar_app
from admin.http.access import Right
from tests.admin.conftest import log_in
from tests.admin.http.test_access import refused, routes, visit
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

PAYLOADS = (
    "' OR '1'='1",
    "') OR 1=1 --",
    "1; DROP TABLE deliveries",
    "x' UNION SELECT id, password_hash FROM users --",
    "%' OR '%'='",
    "\\'; SELECT pg_sleep(5); --",
    "{0} %s :id $1 ?",
)
FILTERS = ("key", "norm", "spec", "status", "date_from", "date_to", "since", "cursor", "size", "id")
CONDITIONS = ("text", "status", "code", "cause")
OTHERS = ("preset", "after", "before", "only", "told", "tab", "buka", "q", "date_from", "date_to")
"""Of pages; most of these are refused before anything is asked."""
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_no_filter_of_the_api_is_sql(his: httpx.AsyncClient, antar: SmallHub, payload: str) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    for name in FILTERS:
        answer = await his.get("/api/v1/deliveries", params={name: payload})
        is_condition = name not in {"id", "size"} and answer.status_code == 200
        assert answer.status_code in {200, 400}, (name, answer.text)
        assert not is_condition or answer.json()["deliveries"] == [], name


@pytest.mark.parametrize("payload", PAYLOADS[::3])
async def test_no_field_of_a_page_is_sql(person: httpx.AsyncClient, antar: SmallHub, payload: str) -> None:
    await antar.hand_in("Visit", {"id": "KUNJUNGAN-1"})
    for method, path, right in routes(litestar_app()):
        if method == "GET" and right is Right.PANEL:
            for fields in (CONDITIONS, OTHERS):
                answer = await person.get(path, params=dict.fromkeys(fields, payload), headers=OWN)
                assert answer.status_code < 500, (path, answer.status_code)
    for field in CONDITIONS:
        page = await person.get("/integrasi/ministry/Visit", params={field: payload}, headers=OWN)
        assert ("KUNJUNGAN-1" in page.text) == (field == "status"), field


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_no_name_or_password_is_sql(person: httpx.AsyncClient, payload: str) -> None:
    person.cookies.clear()
    assert (await log_in(person, payload, payload)).status_code == 401
    assert (await log_in(person, password=payload)).status_code == 401


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_record_of_sql_is_stored_and_sent_as_it_is(
    his: httpx.AsyncClient, antar: SmallHub, payload: str
) -> None:
    record = {"id": payload, "at": "2026-03-10", "person": None, "note": payload}
    assert (await his.post("/api/v1/records/Visit", json=record)).status_code in {202, 422}
    await his.post("/api/v1/records/Visit", json={"id": payload, "at": "2026-03-10", "note": payload})
    await antar.work()
    assert antar.ministry.posts == [{"kind": "Visit", "identifier": payload, "note": payload}]


@pytest.mark.parametrize("payload", ["x\r\nSet-Cookie: antar=1", "x\nX-Evil: 1", "x%0d%0aX-Evil: 1", "//evil.example"])
async def test_no_text_becomes_a_header_or_leads_to_another_site(
    person: httpx.AsyncClient, antar: SmallHub, payload: str
) -> None:
    form = dict.fromkeys(("back", "next", "reason", "how", "facility", "language", "told", "action", "text"), payload)
    for method, path, right in routes(litestar_app()):
        if method == "POST" and right in {Right.PANEL, Right.PERSON, Right.OPEN} and path != "/logout":
            answer = await person.post(path, data=form, params={"back": payload}, headers=OWN)
            assert answer.status_code < 500, path
            assert "x-evil" not in answer.headers, path
            assert not answer.headers.get("location", "/").startswith(("//", "http")), path


async def test_a_session_from_before_the_login_is_nobody_afterwards(person: httpx.AsyncClient) -> None:
    person.cookies.clear()
    await log_in(person, password="salah")
    before = dict(person.cookies)
    assert (await log_in(person)).status_code == 303
    person.cookies.clear()
    person.cookies.update(before)
    assert refused(await visit(person, "GET", "/integrasi/ministry"))
