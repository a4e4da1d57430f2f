"""The panel in English: no Indonesian but the clinic's own data, on any page that links lead to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from adapters.base import Account, Call, Reply, Verdict
from admin.app import create_app
from admin.http.language import COOKIE
from admin.people import users
from admin.text.words import catalogue
from bench.clinic import unlimited
from engine.actors import make_broker
from engine.catalog.catalog import Catalog
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from tests import databases
from tests.admin.conftest import PASSWORD, application, log_in
from tests.admin.text.untranslated_text import READ_ATTRIBUTES
from tests.config.test_languages import texts
from tests.conftest import Clock
from tests.engine.small_hub import Ministry, SmallHub, accepted, refused

pytestmark = pytest.mark.anyio

REFUSED = {"/Organization": False, "/Location": False}  # every other type is refused
WORD = re.compile(r"[^\W\d_]{3,}")
NOT_READ = {"script", "style", "pre", "code", "textarea"}
BODY = "json-body"  # class of a body as it is sent
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "wbr"}
NAMES = {"bahasa", "indonesia", "satu", "sehat"}  # the name of the other language


class Elsewhere(Ministry):
    """An upstream that accepts foundations and refuses all else, in English."""

    def answer(self, call: Call) -> Reply:
        if call.method == "GET":
            return accepted(entry=[])
        if call.path in REFUSED:
            return accepted(id=f"id-{len(self.calls)}")
        return refused(Verdict.REJECTED, 400, code="10003", message="Code not found: X")

    async def send(self, call: Call, account: Account) -> Reply:
        self.calls.append(call)
        return self.answer(call)


@pytest.fixture
async def hub(tmp_path: Path, clock: Clock) -> AsyncIterator[Hub]:
    """The shipped configuration; the example of each type was handed in and delivered as far as it goes."""
    upstream = Elsewhere()
    names = ("satusehat", "pcare", "antrean")
    settings = Settings(
        "demo",
        databases.sqlite(tmp_path),
        secret_keys=(new_key(),),
        config_dir=ROOT / "config",
        addresses=dict.fromkeys(names, "http://elsewhere"),
    )
    adapters: Any = dict.fromkeys(("satusehat", "bpjs"), lambda profile, tokens, wire: upstream)
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), clock=clock, adapters=adapters)
    hub.catalog = unlimited(hub.catalog)
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    for name in names:
        secrets = dict.fromkeys(hub.catalog.upstreams[name].credentials, "x")
        await set_credentials(hub.database, hub.vault, facility.id, name, secrets)
    for spec in hub.catalog.specs.values():
        await hub.intake.hand_in(facility, spec.name, [dict(spec.example)])
    for mapping in hub.catalog.mappings.values():
        await hub.intake.hand_in(facility, mapping.item, [dict(mapping.example)])
    for name in names:
        await SmallHub(hub, facility, upstream, clock, name).work()
    yield hub
    await hub.close()


class Reader(HTMLParser):
    """Collects what a person reads of a page, and its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self._unread: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        read = {name: value for name, value in attributes if value}
        self.words += (
            [] if self._unread else [value for name, value in read.items() if name in READ_ATTRIBUTES | {"data-label"}]
        )
        self.links += [read["href"]] if tag == "a" and "href" in read else []
        starts = tag in NOT_READ or BODY in read.get("class", "")
        self._unread += [tag] if (starts or self._unread) and tag not in VOID else []

    def handle_endtag(self, tag: str) -> None:
        if self._unread and tag not in VOID:
            self._unread.pop()

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.words.append(data)


def words_of(value: str) -> set[str]:
    return {word.casefold() for word in WORD.findall(value)}


def indonesian(catalog: Catalog) -> set[str]:
    """Words that only the Indonesian texts of panel and configuration have, without those of the examples."""
    shipped = [text_ for _, text_ in texts(catalog)]
    ours = [*catalogue("id").values(), *(text_.id for text_ in shipped)]
    theirs = [*catalogue("en").values(), *(text_.en for text_ in shipped)]
    data = ["Klinik Contoh klinik sari", (ROOT / "config" / "mappings" / "loinc_laboratory.csv").read_text("utf-8")]
    data += [orjson.dumps([spec.example, spec.name]).decode() for spec in catalog.specs.values()]
    data += [spec.endpoint.path.text for spec in catalog.specs.values() if spec.endpoint]
    data += [orjson.dumps([mapping.example, mapping.item]).decode() for mapping in catalog.mappings.values()]
    return words_of(" ".join(ours)) - words_of(" ".join([*data, *theirs])) - NAMES


def addresses(reader: Reader, here: str) -> Iterator[str]:
    for link in reader.links:
        if link.startswith("?"):
            yield here.split("?")[0] + link
        elif link.startswith("/") and not link.startswith("//"):
            yield link.split("#")[0]


def kind(address: str) -> str:
    """Pages of the same kind differ in their data only."""
    path, _, query = address.partition("?")
    return re.sub(r"\d+", "0", path) + "".join(re.findall(r"\btab=\w+", query))


async def pages(client: httpx.AsyncClient, start: str) -> AsyncIterator[tuple[str, Reader]]:
    """One page of each kind that links lead to, with its address."""
    waiting, kinds = [start], {kind(start)}
    while waiting:
        here = waiting.pop(0)
        reader = Reader((await client.get(here)).text)
        yield here, reader
        for address in addresses(reader, here):
            if kind(address) not in kinds:
                kinds.add(kind(address))
                waiting.append(address)


async def test_the_panel_in_english_has_no_indonesian_but_the_clinics_own_data(hub: Hub) -> None:
    await users.add_user(hub.database, "sari", PASSWORD)
    strange, faults, count = indonesian(hub.catalog), [], 0
    transport = httpx.ASGITransport(create_app(hub, application()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test") as client:
        await log_in(client)
        client.cookies.set(COOKIE, "en")
        async for address, reader in pages(client, "/integrasi/satusehat"):
            count += 1
            texts_read = [" ".join(piece.split()) for piece in reader.words]
            faults += [f"{address}: {piece}" for piece in texts_read if words_of(piece) & strange]
    assert count > 100
    assert faults == []
