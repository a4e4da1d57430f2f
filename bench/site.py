"""A whole installation for browsers: the sandbox, `antar up` as a process on SQLite, and the demo's clinic day."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson

from admin.commands.demo import DemoLogin, prepare
from admin.commands.demo_records import ZONE, day, last_open_day
from bench import his
from bench.processes import address_of, configuration, environment, serving, until
from engine.settings import ROOT, from_environment
from sandbox.embedded import running
from sandbox.world import World

# Base path of each upstream in the sandbox.
PATHS = {"satusehat": "", "pcare": "/pcare-rest", "antrean": "/antreanfktp"}
# A delivery counts as unsettled if it is blocked only by deliveries that were just sent.
UNSETTLED = """
    SELECT COUNT(*) FROM deliveries AS mine WHERE status NOT IN ('sent', 'failed', 'ignored', 'blocked')
    OR status = 'blocked' AND NOT EXISTS (
        SELECT 1 FROM waits AS open WHERE open.delivery_id = mine.id AND NOT EXISTS (
            SELECT 1 FROM waits AS ended JOIN deliveries AS needed USING (facility_id, spec, key)
            WHERE ended.delivery_id = mine.id AND key = open.key AND needed.status = 'sent'
            AND (spec = open.spec OR ended.alternative AND open.alternative)
        )
    )
"""

STORE_INBOUND_REQUEST = """
    INSERT INTO inbound_requests (facility_id, inbound, operation, card, at, content, answer, code, tries)
    VALUES (1, 'mobile_jkn', 'take', ?, ?, ?, ?, 200, 0)
"""


class Installation:
    """A running installation: `address` of the panel, `world` behind it, `access` to it, its `database` file."""

    def __init__(self, address: str, world: World, access: DemoLogin, database: Path) -> None:
        self.address = address
        self.world = world
        self.access = access
        self.database = database
        self._person = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def hand_in(self, spec: str, *records: dict[str, Any]) -> None:
        """Hand in through the API, as a clinic's system does; raise if a record is refused."""
        answer = self.api(f"/api/v1/records/{spec}", orjson.dumps(records))
        assert answer["refused"] == 0, answer

    def api(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        """Return the API's answer."""
        headers = {"Authorization": f"Bearer {self.access.api_key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.address + path, body, headers), timeout=30) as answer:
            content: dict[str, Any] = orjson.loads(answer.read())
            return content

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return rows of the database, for tests that need an id."""
        opened = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            return opened.execute(query, values).fetchall()
        finally:
            opened.close()

    def settle(self) -> None:
        """Return when no delivery is pending any more."""
        until(lambda: self.rows(UNSETTLED)[0][0] == 0)

    def play(self) -> None:
        """Hand in the demo's day and wait until it is over."""
        for spec, lines in day(ROOT / "config", clinic_day()):
            self.hand_in(spec, *(orjson.loads(line) for line in lines.splitlines()))
        self.settle()

    def ask_for_a_job(self) -> str:
        """Have every failed delivery of a type sent again; return the address of the job."""
        [(spec,)] = self.rows("SELECT spec FROM deliveries WHERE status = 'failed' ORDER BY id LIMIT 1")
        address = self.administer(f"/integrasi/satusehat/{spec}/massal", action="resend", all="yes", status="failed")
        self.post(address, how="begin", reason="Data sudah dibetulkan")
        until(lambda: self.rows("SELECT state FROM jobs")[0][0] == "done")
        self.settle()
        return address

    def store_inbound_request(self) -> None:
        """Store a request of Mobile JKN that was answered and is not forwarded yet."""
        content = {"nomorkartu": "0001112223334", "kodepoli": "001", "tanggalperiksa": clinic_day().isoformat()}
        answer = {"metadata": {"message": "Ok", "code": 200}, "response": {"nomorantrean": "001-1"}}
        at = int(datetime.now(ZoneInfo(ZONE)).timestamp() * 1000)
        values = (content["nomorkartu"], at, orjson.dumps(content).decode(), orjson.dumps(answer).decode())
        opened = sqlite3.connect(self.database, timeout=10)
        try:
            with opened:
                opened.execute(STORE_INBOUND_REQUEST, values)
        finally:
            opened.close()

    def administer(self, path: str, **fields: str) -> str:
        """Send a form as the administrator; return the path of the page that follows."""
        self.post("/login", name=self.access.user, password=self.access.password)
        return self.post(path, **fields)

    def post(self, path: str, **fields: str) -> str:
        """Send a form as a page does; return the path of the page that follows."""
        headers = {"Sec-Fetch-Site": "same-origin"}
        request = urllib.request.Request(self.address + path, urlencode(fields).encode(), headers)
        with self._person.open(request, timeout=30) as answer:
            return str(answer.url).removeprefix(self.address)


def clinic_day() -> date:
    """Return the day on which the demo's records play."""
    return last_open_day(datetime.now(ZoneInfo(ZONE)).date())


async def _prepare(environ: dict[str, str], file: Path) -> DemoLogin:
    settings = from_environment(environ)
    access = await prepare(settings)
    await his.enter(settings, file)
    return access


@contextmanager
def site(folder: Path, also: Path | None = None) -> Iterator[Installation]:
    """Yield an empty installation in `folder`, ended afterwards; `also` holds further configuration files."""
    world = World()
    with running(world) as sandbox:
        config = configuration(folder / "config")
        database = folder / "antar.sqlite3"
        upstreams = {name: f"{sandbox}{path}" for name, path in PATHS.items()}
        environ = environment(config, f"sqlite:///{database}", "memory://", **upstreams)
        file = his.write(folder, config, clinic_day())
        if also is not None:
            shutil.copytree(also, config / "resources", dirs_exist_ok=True)
        with ThreadPoolExecutor() as aside:  # an open browser keeps an event loop in this thread
            access = aside.submit(lambda: asyncio.run(_prepare(environ, file))).result()
        with serving(environ, "up"):
            try:
                yield Installation(address_of(environ), world, access, database)
            finally:
                world.barriers.release_all()
