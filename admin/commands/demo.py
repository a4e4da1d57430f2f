"""antar demo: two clinics and a month of theirs against the sandbox, without any configuration."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from admin.commands.demo_folder import GO_ON, kept_key, prepare_folder
from admin.commands.demo_history import (
    LIVE,
    SECOND_CLINIC_VISITS,
    Clinic,
    History,
    SetClock,
    first_day,
    hour_of,
    in_words,
)
from admin.commands.demo_records import ZONE, DemoRecords
from admin.commands.demo_visitors import visit
from admin.commands.processes import run_all
from admin.logging_config import set_up_logging
from admin.people import users
from engine.catalog.catalog import Catalog
from engine.errors import AntarError, NotFound
from engine.facilities import facilities
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.outbox import counters
from engine.settings import ROOT, Settings, from_environment

FIRST_CLINIC = ("klinik-contoh", "Klinik Contoh Sehat", "100099001")  # code, name, organization
STARTUP_SECONDS = 120.0  # time that a server has until it answers


@dataclass(frozen=True)
class DemoLogin:
    """Credentials of the demo."""

    user: str
    password: str
    api_key: str


@dataclass(frozen=True)
class SecondClinic:
    """Clinic of the same kind under other names: `words` replace those of the first one in its records."""

    code: str
    name: str
    organization_id: str
    credentials: dict[str, dict[str, str]]
    words: dict[str, str]


@dataclass(frozen=True)
class Begun:
    """A demo that is about to serve, at `now`; a clinic is its API key and the words of its own.

    With `has_past` all but today has been stored; what ended since `live_from` is handed in after the start.
    """

    now: datetime
    live_from: datetime
    login: DemoLogin
    clinics: list[tuple[str, dict[str, str]]]
    records: DemoRecords
    catalog: Catalog
    has_past: bool


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    fresh: bool = typer.Option(True, help="Begin with an empty database; --no-fresh goes on with the last one."),
    history: bool = typer.Option(True, help="Fill the month before today; --no-history starts a little sooner."),
) -> None:
    """Start the sandbox, Antar, and two clinics with a month, a yesterday and a today; print address and login."""
    folder = ROOT / "var" / "demo"
    key = kept_key(folder, fresh)
    settings = demo_settings(folder, key)
    set_up_logging(settings.log_level)
    refuse_taken_ports(settings)
    prepare_folder(folder, key, fresh)
    with running_sandbox(settings):
        begun = asyncio.run(_begin(settings, history=history and fresh, fresh=fresh))
        threading.Thread(target=_play, args=(settings, begun), name="antar-demo-day", daemon=True).start()
        run_all(settings, begun.catalog)
    typer.echo(f"\n  The demo has ended. Its data stays in {folder} until the next start, which begins anew;")
    typer.echo(f"  `{GO_ON}` goes on with it.")


async def _begin(settings: Settings, *, history: bool, fresh: bool) -> Begun:
    """Add the clinics, fill their past if that is asked for, and add an administrator."""
    clock, records = SetClock(), DemoRecords(settings.config_dir)
    now = datetime.now(ZoneInfo(ZONE))
    clock.set(hour_of(first_day(now), 8) if history else None)
    hub = await Hub.open(settings, durable=False, clock=clock)
    catalog, second = hub.catalog, second_clinic(settings.config_dir)
    try:
        clinics: list[Clinic] = [
            (await clinic(hub, *FIRST_CLINIC, demo_credentials(settings.config_dir, settings.sandbox_port)), {}),
            (await clinic(hub, second.code, second.name, second.organization_id, second.credentials), second.words),
        ]
        if history:
            typer.echo("  A month of the past is being made ...")
            await History(hub, clock, records).fill(now, clinics)
        clock.set(None)
        since = await live_from(hub, clinics[0][0], now, history=history)
        login = await demo_login(hub, clinics[0][0].id)
        keys = [login.api_key, await facilities.new_api_key(hub.database, clinics[1][0].id, "demo")]
    finally:
        await hub.close()
    own_words = [words for _, words in clinics]
    return Begun(now, since, login, list(zip(keys, own_words, strict=True)), records, catalog, history or not fresh)


async def live_from(hub: Hub, facility: FacilityRow, now: datetime, *, history: bool) -> datetime:
    """Return the time from which today's visits are missing: midnight unless some of today's are stored."""
    if history:
        return now - LIVE
    today = now.date().isoformat()
    stored = await counters.read(hub.database, facility.id, today, today)
    return now if stored else datetime.combine(now.date(), datetime.min.time(), now.tzinfo)


def demo_settings(folder: Path, key: str) -> Settings:
    environ = {
        "ANTAR_ENVIRONMENT": "demo",
        "ANTAR_DATABASE_URL": f"sqlite:///{folder}/antar.sqlite3",
        "ANTAR_SECRET_KEY": key,
        "ANTAR_LOG_LEVEL": "WARNING",
        "ANTAR_WEBHOOK_NETWORKS": "loopback",  # the clinic's own system is part of the sandbox
    }
    settings = from_environment({**_own_environment(), **environ})
    default, chosen = f":{Settings.sandbox_port}", f":{settings.sandbox_port}"
    addresses = {name: address.replace(default, chosen) for name, address in settings.addresses.items()}
    return replace(settings, addresses=addresses)


def _own_environment() -> dict[str, str]:
    """Return the variables of the environment that count for the demo too: ports, folder, networks."""
    import os

    names = ("ANTAR_PORT", "ANTAR_HOST", "ANTAR_SANDBOX_PORT", "ANTAR_CONFIG_DIR", "ANTAR_ALERT_NETWORKS")
    return {name: os.environ[name] for name in names if name in os.environ}


def refuse_taken_ports(settings: Settings) -> None:
    """Raise AntarError if somebody listens at a port of the demo already; called before any data is touched."""
    for port, variable in ((settings.port, "ANTAR_PORT"), (settings.sandbox_port, "ANTAR_SANDBOX_PORT")):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise AntarError(
                    f"port {port} is taken, perhaps by a demo that is running: end that one with Ctrl-C, "
                    f"or set {variable} to another port"
                )


@contextmanager
def running_sandbox(settings: Settings) -> Iterator[None]:
    """Run the sandbox, which plays the outside world, in a process of its own."""
    command = [sys.executable, "-m", "admin", "sandbox", "--port", str(settings.sandbox_port)]
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - our own program
    try:
        wait_for(f"http://127.0.0.1:{settings.sandbox_port}/__stats", process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=5)


async def prepare(settings: Settings) -> DemoLogin:
    """Add a clinic with credentials of the sandbox, an administrator and an API key."""
    hub = await Hub.open(settings)
    try:
        credentials = demo_credentials(settings.config_dir, settings.sandbox_port)
        facility = await clinic(hub, *FIRST_CLINIC, credentials)
        return await demo_login(hub, facility.id)
    finally:
        await hub.close()


async def clinic(
    hub: Hub, code: str, name: str, organization: str, credentials: Mapping[str, Mapping[str, str]]
) -> FacilityRow:
    """Return the clinic of that code with these credentials; add it if there is none."""
    try:
        facility = await facilities.by_code(hub.database, code)
    except NotFound:
        facility = await facilities.add_facility(hub.database, code, name, ZONE, organization)
    for upstream, values in credentials.items():
        await facilities.set_credentials(hub.database, hub.vault, facility.id, upstream, values)
    return facility


async def demo_login(hub: Hub, facility_id: int) -> DemoLogin:
    password = secrets.token_urlsafe(9)
    await users.replace_user(hub.database, "admin", password, "superadmin")
    return DemoLogin("admin", password, await facilities.new_api_key(hub.database, facility_id, "demo"))


def demo_credentials(config: Path, sandbox_port: int = Settings.sandbox_port) -> dict[str, dict[str, str]]:
    """Return the demo clinic's credentials by upstream, its own system among them."""
    text = (config / "demo" / "credentials.json").read_text("utf-8")
    accounts: dict[str, dict[str, str]] = json.loads(text.replace(f":{Settings.sandbox_port}/", f":{sandbox_port}/"))
    return accounts


def second_clinic(config: Path) -> SecondClinic:
    """Return the second clinic of the demo."""
    content = json.loads((config / "demo" / "second_clinic.json").read_text("utf-8"))
    return SecondClinic(
        content["code"], content["name"], content["organization_id"], content["credentials"], content["replace"]
    )


def _play(settings: Settings, begun: Begun) -> None:
    """Hand in through the API, as the systems of the clinics do, what the past lacks."""
    address = f"http://{settings.host}:{settings.port}"
    wait_for(f"{address}/health/ready")
    login = begun.login
    typer.echo(f"\n  Antar     {address}\n  login     {login.user} / {login.password}\n  API key   {login.api_key}\n")
    for nth, (key, words) in enumerate(begun.clinics):
        counts: Counter[str] = Counter()
        parts = handed_in_live(begun.records, begun.now, begun.live_from, nth, has_past=begun.has_past)
        for spec, records in parts:
            counts.update(_hand_in(f"{address}/api/v1/records/{spec}", key, in_words(records, words)))
        typer.echo(f"  clinic {nth + 1}: {counts['accepted']:>4} records handed in, {counts['refused']} refused")
    typer.echo("\n  All is on its way; watch it at the address above. Ctrl-C ends the demo.\n")
    asyncio.run(visit(settings, begun.catalog))


def handed_in_live(
    records: DemoRecords, now: datetime, since: datetime, nth: int, *, has_past: bool
) -> Iterator[tuple[str, list[Any]]]:
    """Yield (type, records) of a clinic that are not stored yet; the second clinic has every third visit."""
    yesterday = now.date() - timedelta(days=1)
    if not has_past:
        yield from records.foundation(yesterday) if nth else records.whole(yesterday)
    ends, times = records.ended(now)
    visits = [visit for visit, end in ends.items() if end > since]
    chosen = [visit for visit in visits if not nth or visit in SECOND_CLINIC_VISITS]
    yield from records.visits(now.date(), chosen, records.files, times)


def _hand_in(url: str, key: str, records: list[Any]) -> dict[str, int]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    lines = "\n".join(json.dumps(record) for record in records).encode()
    request = urllib.request.Request(url, data=lines, headers=headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        summary = json.load(answer)
    return {"accepted": summary["accepted"], "refused": summary["refused"]}


def wait_for(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a server answers; raise AntarError if it takes too long or its process has ended."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError as error:
            if time.monotonic() > deadline or (process is not None and process.poll() is not None):
                raise AntarError(f"{url} does not answer: {error}") from error
            time.sleep(0.1)
