"""antar demo: a clinic's day against the sandbox, with nothing to set up."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from admin.commands.demo_visitors import visit
from admin.commands.processes import run_all
from admin.people import users
from engine.errors import AntarError, NotFound
from engine.facilities import facilities
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.private_files import ensure_private, make_private_folder
from engine.settings import ROOT, Settings, config_directory, from_environment

RECORDED = date(2026, 3, 10)
"""The day on which the records of config/demo play; they are moved to the last open day."""
SUNDAY = 7
ZONE = "Asia/Jakarta"
ORDER_FILE = "order.txt"
PATIENCE = 30.0
"""Seconds to wait until a server answers."""


@dataclass(frozen=True)
class Access:
    """How to get into the demo."""

    user: str
    password: str
    api_key: str


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    fresh: bool = typer.Option(True, help="Begin with an empty database; --no-fresh goes on with the last one."),
) -> None:
    """Start the sandbox, Antar and a clinic's day; print the address and the login. Ctrl-C ends it."""
    settings = _settings(ROOT / "var" / "demo", fresh)
    with _sandbox(settings):
        access = asyncio.run(prepare(settings))
        threading.Thread(target=_play, args=(settings, access), name="antar-demo-day", daemon=True).start()
        run_all(settings)


def _settings(folder: Path, fresh: bool) -> Settings:
    make_private_folder(folder)
    key_file = folder / "secret.key"
    if fresh or not key_file.exists():
        for old in folder.glob("antar.sqlite3*"):
            old.unlink()
        ensure_private(key_file)
        key_file.write_text(new_key())
    environ = {
        "ANTAR_ENVIRONMENT": "demo",
        "ANTAR_DATABASE_URL": f"sqlite:///{folder}/antar.sqlite3",
        "ANTAR_SECRET_KEY": key_file.read_text(),
        "ANTAR_LOG_LEVEL": "WARNING",
        "ANTAR_WEBHOOK_NETWORKS": "loopback",  # the clinic's own system stands in the sandbox
    }
    settings = from_environment({**_own_environment(), **environ})
    configured, chosen = f":{Settings.sandbox_port}", f":{settings.sandbox_port}"
    addresses = {name: address.replace(configured, chosen) for name, address in settings.addresses.items()}
    return replace(settings, addresses=addresses)


def _own_environment() -> dict[str, str]:
    """Ports and configuration folder may be chosen for the demo too."""
    import os

    wanted = ("ANTAR_PORT", "ANTAR_HOST", "ANTAR_SANDBOX_PORT", "ANTAR_CONFIG_DIR", "ANTAR_ALERT_NETWORKS")
    return {name: os.environ[name] for name in wanted if name in os.environ}


@contextmanager
def _sandbox(settings: Settings) -> Iterator[None]:
    """The outside world, in a process of its own as it is in reality."""
    for port, variable in ((settings.port, "ANTAR_PORT"), (settings.sandbox_port, "ANTAR_SANDBOX_PORT")):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise AntarError(f"port {port} is taken; set {variable} to another")
    command = [sys.executable, "-m", "admin", "sandbox", "--port", str(settings.sandbox_port)]
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - our own program
    try:
        _wait_for(f"http://127.0.0.1:{settings.sandbox_port}/__stats")
        yield
    finally:
        process.terminate()
        process.wait(timeout=5)


async def prepare(settings: Settings) -> Access:
    """A clinic with credentials of the sandbox, an administrator and an API key."""
    hub = await Hub.open(settings)
    try:
        try:
            facility = await facilities.by_code(hub.database, "klinik-contoh")
        except NotFound:
            facility = await facilities.add_facility(
                hub.database, "klinik-contoh", "Klinik Contoh Sehat", ZONE, "100099001"
            )
        for upstream, values in demo_credentials(settings.config_dir, settings.sandbox_port).items():
            await facilities.set_credentials(hub.database, hub.vault, facility.id, upstream, values)
        password = secrets.token_urlsafe(9)
        await users.replace_user(hub.database, "admin", password, "superadmin")
        return Access("admin", password, await facilities.new_api_key(hub.database, facility.id, "demo"))
    finally:
        await hub.close()


def demo_credentials(config: Path, sandbox_port: int = Settings.sandbox_port) -> dict[str, dict[str, str]]:
    """The demo clinic's accounts by upstream; its own system stands in the sandbox."""
    text = (config / "demo" / "credentials.json").read_text("utf-8")
    accounts_: dict[str, dict[str, str]] = json.loads(text.replace(f":{Settings.sandbox_port}/", f":{sandbox_port}/"))
    return accounts_


def _play(settings: Settings, access: Access) -> None:
    """Hand in the day through the API, as a clinic's system does."""
    address = f"http://{settings.host}:{settings.port}"
    _wait_for(f"{address}/health/ready")
    typer.echo(
        f"\n  Antar     {address}\n  login     {access.user} / {access.password}\n  API key   {access.api_key}\n"
    )
    for spec, lines in day(config_directory(), last_open_day(datetime.now(ZoneInfo(ZONE)).date())):
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address}/api/v1/records/{spec}",
            data=lines.encode(),
            headers={"Authorization": f"Bearer {access.api_key}", "Content-Type": "application/x-ndjson"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            summary = json.load(answer)
        typer.echo(f"  {spec:<20} {summary['accepted']:>4} handed in, {summary['refused']} refused")
    typer.echo("\n  The day is on its way; watch it at the address above. Ctrl-C ends the demo.\n")
    asyncio.run(visit(settings))


def last_open_day(today: date) -> date:
    """Yesterday, or Saturday if that was a Sunday: clinics are closed then, at BPJS too."""
    yesterday = today - timedelta(days=1)
    return yesterday - timedelta(days=1) if yesterday.isoweekday() == SUNDAY else yesterday


def day(config: Path, to: date) -> Iterator[tuple[str, str]]:
    """(record type, NDJSON) of each file of config/demo, its dates moved so that RECORDED becomes `to`."""
    folder = config / "demo"
    shift = (to - RECORDED).days
    for name in (folder / ORDER_FILE).read_text("utf-8").split():
        text = (folder / f"{name}.ndjson").read_text("utf-8")
        for offset in (-2, -1, 0, 1):
            day_ = RECORDED + timedelta(days=offset)
            text = text.replace(day_.isoformat(), f"\x01{(day_ + timedelta(days=shift)).isoformat()}")
        yield name, text.replace("\x01", "")


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise AntarError(f"{url} does not answer: {error}") from error
            time.sleep(0.1)
