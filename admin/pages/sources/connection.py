"""Credentials of a source, which are written and never shown again, and the test of its connection."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Template

from adapters.his_database.grants import grants
from admin.pages.shared.formatting import moment
from admin.pages.sources.looking import look
from admin.pages.sources.opened import OPENED, OPT, PAGE, Opened, OpenSource
from admin.pages.sources.slots import LookSlots
from admin.people.users import Person
from admin.text.words import localized, say, sentence
from engine.database.audit import note, note_now
from engine.database.transaction import Transaction
from engine.facilities.facilities import entered_at, is_secret, merged, put_credentials, sealed_credentials
from engine.hub import Hub
from engine.sources.examination import Examined, examine

MAX_SECRET_CHARS = 500
MAX_CERTIFICATE_CHARS = 20_000
CERTIFICATE = "ca"  # name of the credential that is a text of several lines
REQUIRED = "database"  # without which nothing is read


@get(PAGE + "/{source:str}/kredensial", opt=OPT, dependencies=OPENED)
async def credentials_page(opened: Opened) -> Template:
    """Show the form; a field that is left empty keeps what was entered."""
    return await _page(opened)


@post(PAGE + "/{source:str}/kredensial", opt=OPT, dependencies=OPENED, status_code=200)
async def enter_credentials(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    look_slots: NamedDependency[LookSlots],
    opened: Opened,
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template:
    """Seal and store what was filled in, and test the connection at once."""
    filled = {name: _tidy((data or {}).get(name, "")) for name in opened.source.credentials}
    filled = {name: value for name, value in filled.items() if value}
    if any(len(value) > _most(name) for name, value in filled.items()):
        return await _page(opened, problem=say("form.long", n=MAX_SECRET_CHARS), typed=filled)
    if not opened.entered and REQUIRED in opened.source.credentials and REQUIRED not in filled:
        label = localized(opened.source.credentials[REQUIRED])
        return await _page(opened, problem=say("sources.credentials.required", label=label), typed=filled)
    if filled:
        await _enter(hub, opened, filled, person)
        opened = OpenSource(hub, opened.layout, opened.facility, opened.source, opened.state, entered=True)
    return await _tested(hub, person, look_slots, opened, filled)


@post(PAGE + "/{source:str}/uji", opt=OPT, dependencies=OPENED, status_code=200)
async def test_connection(
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    look_slots: NamedDependency[LookSlots],
    opened: Opened,
) -> Template:
    """Open the database now, look at each table, and show the result."""
    return await _tested(hub, person, look_slots, opened)


async def _tested(
    hub: Hub, person: Person, slots: LookSlots, opened: OpenSource, typed: Mapping[str, str] = MappingProxyType({})
) -> Template:
    looked = await look(opened, slots, partial(examine, opened.source))
    is_good = looked.result is not None and not looked.result.unreadable
    what = f"{opened.source.account} ok={is_good}"
    await note_now(hub.database, person.name, "connection.test", facility_id=opened.facility.id, reason=what)
    return await _page(
        opened, tested=True, problem=looked.problem, examined=looked.result, typed={} if is_good else typed
    )


async def _page(
    opened: OpenSource,
    *,
    tested: bool = False,
    problem: str = "",
    examined: Examined | None = None,
    typed: Mapping[str, str] = MappingProxyType({}),
) -> Template:
    """Return the form; `typed` is what the person has just sent and may correct, without the secrets."""
    source = opened.source
    at = (await entered_at(opened.hub.database, opened.facility.id)).get(source.account)
    context: dict[str, Any] = {
        "fields": [
            {
                "name": name,
                "label": label,
                "secret": is_secret(name),
                "long": name == CERTIFICATE,
                "required": name == REQUIRED and not opened.entered,
                "most": _most(name),
                "value": "" if is_secret(name) else typed.get(name, ""),
            }
            for name, label in source.credentials.items()
        ],
        "entered_at": moment(at, opened.facility),
        "grants": list(grants(source.system, source.grants, "NAMA_DATABASE", "PENGGUNA", "ALAMAT_ANTAR")),
        "tested": tested,
        "problem": problem,
        "examined": examined,
        "unreadable": [sentence(words) for words in examined.unreadable] if examined else [],
        "unwise": [sentence(words) for words in examined.unwise] if examined else [],
    }
    return Template("sources/credentials.html", context=opened.context(**context))


async def _enter(hub: Hub, opened: OpenSource, filled: dict[str, str], person: Person) -> None:
    """Store the secrets beside those that stay; the audit log gets the names of the fields only."""
    facility_id, account = opened.facility.id, opened.source.account
    before, _ = await sealed_credentials(hub.database, facility_id, account)
    sealed = merged(hub.vault, before, filled)

    async def write(tx: Transaction) -> None:
        await put_credentials(tx, facility_id, account, sealed, tx.now)
        what = f"{account}: {', '.join(filled)}"
        await note(tx, tx.now, person.name, "credentials.change", facility_id=facility_id, reason=what)

    await hub.database.write(write)


def _tidy(value: str) -> str:
    return value.replace("\x00", "").replace("\r\n", "\n").strip()


def _most(name: str) -> int:
    return MAX_CERTIFICATE_CHARS if name == CERTIFICATE else MAX_SECRET_CHARS
