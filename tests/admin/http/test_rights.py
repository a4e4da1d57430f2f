"""Rights: permissions of a role, clinics that a person sees, and the creation of the first administrator."""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest
from litestar.routes import HTTPRoute
from sqlalchemy import text, update

from admin.app import litestar_app
from admin.http.access import Right
from admin.people import administrators, users
from admin.people.permissions import Permission
from engine.database.tables import Role, User
from engine.facilities.facilities import FacilityRow, add_facility
from tests.admin.conftest import PASSWORD
from tests.admin.http.test_access import EXAMPLES, FOREIGN
from tests.engine.small_hub import AT, SmallHub

pytestmark = pytest.mark.anyio

OWN = {"Sec-Fetch-Site": "same-origin"}


async def allow(antar: SmallHub, *permissions: str) -> None:
    """Set the permissions of the logged-in person's role."""
    change = update(Role).where(Role.name == "admin").values(permissions=orjson.dumps(permissions).decode())
    await antar.hub.database.write_models(lambda tx: tx.execute(change))


async def confine(antar: SmallHub, facility: FacilityRow) -> None:
    change = update(User).where(User.name == "sari").values(facility_id=facility.id)
    await antar.hub.database.write_models(lambda tx: tx.execute(change))


async def deliver(antar: SmallHub, key: str, facility: FacilityRow | None = None) -> int:
    """Submit a record and return the id of its delivery."""
    taken = await antar.hub.intake.hand_in(facility or antar.facility, "Visit", [{"id": key, "at": AT}])
    return int(taken[0].id)  # type: ignore[union-attr]


def pages(antar: SmallHub) -> list[tuple[str, str, Permission]]:
    """Return (method, address, permission) of every route that needs a permission."""
    guarded = []
    for route in litestar_app().routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if handler.opt.get("right") is Right.PANEL:
                path = route.path_format
                for name, value in EXAMPLES.items():
                    path = path.replace(f"{{{name}}}", value)
                permission = handler.opt.get("may", Permission.SATUSEHAT)
                guarded += [(method, path, permission) for method in handler.http_methods - {"OPTIONS", "HEAD"}]
    return guarded


@pytest.mark.parametrize("allowed", list(Permission))
async def test_a_permission_opens_nothing_that_asks_for_another(
    person: httpx.AsyncClient, antar: SmallHub, allowed: Permission
) -> None:
    await allow(antar, allowed)
    for method, path, permission in pages(antar):
        if permission is not allowed:
            assert (await person.request(method, path, headers=OWN)).status_code == 403, (method, path)


async def test_all_permissions_open_everything(person: httpx.AsyncClient, antar: SmallHub) -> None:
    await allow(antar, *Permission)
    refused = [
        (method, path)
        for method, path, _ in pages(antar)
        if (await person.request(method, path, headers=OWN)).status_code in {401, 403}
    ]
    assert refused == []


async def test_a_page_that_a_person_may_not_see_says_so_and_who_to_ask(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    await users.add_user(antar.hub.database, "budi", PASSWORD, "superadmin")
    await allow(antar)
    answer = await person.get("/integrasi/ministry")
    assert (answer.status_code, "budi" in answer.text, "membuka halaman Integrasi" in answer.text) == (403, True, True)


async def test_whoever_manages_another_clinic_is_nobody_to_ask(antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    for name, facility in {"budi": None, "wati": other.id, "joko": antar.facility.id}.items():
        await users.add_user(antar.hub.database, name, PASSWORD, "superadmin", facility)
    assert await administrators.managers(antar.hub.database, antar.facility.id) == ["budi", "joko"]


@pytest.mark.parametrize(
    ("permissions", "page"),
    [
        ((Permission.SATUSEHAT,), "/integrasi/ministry"),
        ((Permission.MANAGE, Permission.SATUSEHAT), "/integrasi/ministry"),
        ((Permission.MANAGE,), "/admin"),
        ((), "/akun"),
    ],
)
async def test_the_first_page_after_the_login_is_one_that_the_person_may_see(
    person: httpx.AsyncClient, antar: SmallHub, permissions: tuple[Permission, ...], page: str
) -> None:
    await allow(antar, *permissions)
    assert (await person.get("/")).headers["location"] == page
    assert (await person.get(page, follow_redirects=True)).status_code == 200


async def test_a_clinic_alone_has_no_switcher(person: httpx.AsyncClient) -> None:
    assert 'action="/klinik"' not in (await person.get("/integrasi/ministry")).text


async def test_a_person_switches_between_clinics(person: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await deliver(antar, "V-KLINIK-LAIN", other)
    assert "V-KLINIK-LAIN" not in (await person.get("/integrasi/ministry/Visit")).text
    answer = await switch(person, other, "/integrasi/ministry/Visit")
    assert answer.headers["location"] == "/integrasi/ministry/Visit"
    assert "V-KLINIK-LAIN" in (await person.get("/integrasi/ministry/Visit")).text


@pytest.mark.parametrize(
    ("page", "after"),
    [
        ("/integrasi/ministry/Visit/7", "/integrasi/ministry/Visit"),
        ("/integrasi/ministry/Visit/7/ubah", "/integrasi/ministry/Visit"),
        ("/integrasi/ministry/Visit?buka=7", "/integrasi/ministry/Visit"),
        ("/pekerjaan/7", "/pekerjaan"),
        ("", "/"),
    ],
)
async def test_a_switch_leads_to_nothing_of_the_other_clinic(
    person: httpx.AsyncClient, antar: SmallHub, page: str, after: str
) -> None:
    assert (await switch(person, antar.facility, page)).headers["location"] == after


@pytest.mark.parametrize("choice", ["0", "999", "", "1 OR 1=1"])
async def test_a_clinic_that_is_not_there_cannot_be_chosen(person: httpx.AsyncClient, choice: str) -> None:
    answer = await person.post("/klinik", data={"facility": choice}, headers=OWN)
    assert answer.status_code == 400


async def test_a_link_to_a_delivery_of_another_clinic_switches_by_itself(
    person: httpx.AsyncClient, antar: SmallHub
) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    id_ = await deliver(antar, "V-KLINIK-LAIN", other)
    assert (await person.get(f"/integrasi/ministry/Visit/{id_}")).status_code == 200
    assert "V-KLINIK-LAIN" in (await person.get("/integrasi/ministry/Visit")).text


async def test_a_confined_person_sees_nothing_of_another_clinic(person: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    id_ = await deliver(antar, "V-KLINIK-LAIN", other)
    await confine(antar, antar.facility)
    assert (await switch(person, other)).status_code == 400
    assert (await person.get(f"/integrasi/ministry/Visit/{id_}")).status_code == 404
    await person.post(f"/integrasi/ministry/Visit/{id_}/resend", headers=OWN, data={"reason": "x"})
    pages_ = ["/integrasi/ministry", "/integrasi/ministry/Visit", f"/integrasi/ministry/Visit?buka={id_}", "/metrics"]
    seen = [(await person.get(page)).text for page in [*pages_, "/health/upstreams"]]
    exported = await person.post("/integrasi/ministry/Visit/ekspor", headers=OWN, data={"ids": str(id_)})
    assert (await antar.row("Visit", "V-KLINIK-LAIN")).trigger == "auto"
    assert [
        text_ for text_ in (*seen, exported.text) if "LAIN" in text_ or '"lain"' in text_ or "Klinik Lain" in text_
    ] == []


async def test_no_page_shows_a_confined_person_another_clinic(person: httpx.AsyncClient, antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Klinik Lain")
    await deliver(antar, "V-KLINIK-LAIN", other)
    await allow(antar, *Permission)
    await confine(antar, antar.facility)
    seen = {path: (await person.get(path)).text for method, path, _ in pages(antar) if method == "GET"}
    assert [path for path, page in seen.items() if "LAIN" in page or "Klinik Lain" in page] == []
    assert "Klinik Lain" not in (await person.get("/kesehatan")).text


async def test_a_fresh_installation_asks_for_the_first_administrator(
    nobody: httpx.AsyncClient, antar: SmallHub
) -> None:
    assert (await nobody.get("/login")).headers["location"] == "/mulai"
    assert (await begin(nobody, antar)).headers["location"] == "/"
    assert (await nobody.get("/integrasi/ministry")).status_code == 200


async def test_the_first_administrator_needs_the_setup_key(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    for token in ("", "0" * 32, administrators.setup_token(antar.hub.settings)[:-1]):
        assert "Kunci pemasangan salah" in (await begin(nobody, antar, token=token)).text
    assert not await users.anybody(antar.hub.database)


@pytest.mark.parametrize("fields", [{"again": "lain"}, {"password": "pendek", "again": "pendek"}, {"name": " "}])
async def test_the_first_administrator_is_told_what_is_wrong(
    nobody: httpx.AsyncClient, antar: SmallHub, fields: dict[str, str]
) -> None:
    answer = await begin(nobody, antar, **fields)
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert not await users.anybody(antar.hub.database)


async def test_of_two_first_administrators_one_comes_too_late(antar: SmallHub) -> None:
    names = ("sari", "budi")
    made = await asyncio.gather(
        *(administrators.add_first(antar.hub.database, name, PASSWORD) for name in names), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in made) == ["NoneType", "UserExists"]
    assert len(await antar.hub.database.fetch(text("SELECT id FROM users"))) == 1


async def test_nobody_becomes_administrator_beside_those_who_are_there(
    nobody: httpx.AsyncClient, antar: SmallHub
) -> None:
    await users.add_user(antar.hub.database, "budi", PASSWORD)
    assert "Sudah ada administrator" in (await begin(nobody, antar)).text
    assert (await nobody.get("/mulai")).headers["location"] == "/"


async def test_another_site_cannot_make_the_first_administrator(nobody: httpx.AsyncClient, antar: SmallHub) -> None:
    assert (await begin(nobody, antar, headers=FOREIGN)).status_code == 403


async def test_a_person_is_added_with_a_role_that_is_there(antar: SmallHub) -> None:
    with pytest.raises(Exception, match="no role 'kasir'; use admin or superadmin"):
        await users.add_user(antar.hub.database, "sari", PASSWORD, "kasir")


async def switch(client: httpx.AsyncClient, facility: FacilityRow, page: str = "") -> httpx.Response:
    headers = {**OWN, **({"Referer": f"http://antar.test{page}"} if page else {})}
    return await client.post("/klinik", data={"facility": str(facility.id)}, headers=headers)


async def begin(
    client: httpx.AsyncClient, antar: SmallHub, headers: dict[str, str] = OWN, **fields: str
) -> httpx.Response:
    form = {
        "name": "sari",
        "password": PASSWORD,
        "again": PASSWORD,
        "token": administrators.setup_token(antar.hub.settings),
        **fields,
    }
    return await client.post("/mulai", data=form, headers=headers)
