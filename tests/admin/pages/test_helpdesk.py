"""*Unduh untuk helpdesk*: a ZIP with ids, times, headers and both bodies, without personal data."""

from __future__ import annotations

import io
import zipfile

import httpx
import orjson
import pytest

from adapters.base import Verdict
from admin.people.permissions import Permission
from tests.admin.pages.test_delivery_page import NIK, PASSPORT, allow, audit
from tests.admin.pages.test_types import OWN, VISITS
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio
NAME = "Budi \"'<script>\n Santoso"


async def refused_visit(antar: SmallHub) -> str:
    """Return the address of a delivery whose answer repeats personal data."""
    body = orjson.dumps({"message": f"{NIK} of {NAME}: passport {PASSPORT} is taken", "code": "10457"})
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message=NAME, body=body, headers="cf-ray: 8")]
    await antar.hand_in("Visit", {"id": "V1", "note": NAME, "passport": PASSPORT})
    await antar.work()
    return f"{VISITS}/{(await antar.row('Visit', 'V1')).id}"


async def test_the_bundle_has_what_the_helpdesk_asks_for_and_nothing_of_the_person(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    answer = await person.post(f"{await refused_visit(antar)}/helpdesk", headers=OWN)
    assert answer.headers["content-disposition"] == 'attachment; filename="antar-kiriman-1.zip"'
    files = zipfile.ZipFile(io.BytesIO(answer.content))
    json, readable = (files.read(f"kiriman.{ending}").decode() for ending in ("json", "txt"))
    assert [word for word in (NIK, PASSPORT, "Budi", "Santoso") if word in json + readable] == []
    [attempt] = orjson.loads(json)["attempts"]
    assert (attempt["http_status"], attempt["code"], attempt["path"]) == (400, "10457", "/Visit")
    assert (attempt["response"]["code"], attempt["response_headers"]) == ("10457", ["cf-ray: 8"])
    assert "is taken" in readable


async def test_it_is_in_the_audit_log_and_needs_the_right_to_read_bodies(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    address = await refused_visit(antar)
    assert "Unduh untuk helpdesk" in (await person.get(f"{address}?tab=response")).text
    await person.post(f"{address}/helpdesk", headers=OWN)
    assert await audit(antar) == [("sari", "helpdesk", "")]
    await allow(antar, Permission.RESEND)
    assert (await person.post(f"{address}/helpdesk", headers=OWN)).status_code == 403
    assert "Unduh untuk helpdesk" not in (await person.get(f"{address}?tab=response")).text
