"""antar demo: a clinic's day against the sandbox, without any configuration."""

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

RECORDED_DAY = date(2026, 3, 10)  # day of the records in config/demo; they are moved to the last open day
SUNDAY = 7
ZONE = "Asia/Jakarta"
ORDER_FILE = "order.txt"
STARTUP_SECONDS = 30.0  # time that a server has until it answers


@dataclass(frozen=True)
class DemoLogin:
    """Credentials of the demo."""

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
        login = asyncio.run(prepare(settings))
        threading.Thread(target=_play, args=(settings, login), name="antar-demo-day", daemon=True).start()
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


@contextmanager
def _sandbox(settings: Settings) -> Iterator[None]:
    """Run the sandbox, which plays the outside world, in a process of its own."""
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


async def prepare(settings: Settings) -> DemoLogin:
    """Add a clinic with credentials of the sandbox, an administrator and an API key."""
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
        return DemoLogin("admin", password, await facilities.new_api_key(hub.database, facility.id, "demo"))
    finally:
        await hub.close()


def demo_credentials(config: Path, sandbox_port: int = Settings.sandbox_port) -> dict[str, dict[str, str]]:
    """Return the demo clinic's credentials by upstream, its own system among them."""
    text = (config / "demo" / "credentials.json").read_text("utf-8")
    accounts: dict[str, dict[str, str]] = json.loads(text.replace(f":{Settings.sandbox_port}/", f":{sandbox_port}/"))
    return accounts


def _play(settings: Settings, login: DemoLogin) -> None:
    """Hand in the day's records through the API, as a clinic's system does."""
    address = f"http://{settings.host}:{settings.port}"
    _wait_for(f"{address}/health/ready")
    typer.echo(f"\n  Antar     {address}\n  login     {login.user} / {login.password}\n  API key   {login.api_key}\n")
    for spec, lines in day(config_directory(), last_open_day(datetime.now(ZoneInfo(ZONE)).date())):
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address}/api/v1/records/{spec}",
            data=lines.encode(),
            headers={"Authorization": f"Bearer {login.api_key}", "Content-Type": "application/x-ndjson"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            summary = json.load(answer)
        typer.echo(f"  {spec:<20} {summary['accepted']:>4} handed in, {summary['refused']} refused")
    typer.echo("\n  The day is on its way; watch it at the address above. Ctrl-C ends the demo.\n")
    asyncio.run(visit(settings))


def last_open_day(today: date) -> date:
    """Return yesterday, or Saturday if that was a Sunday, when clinics (and BPJS) are closed."""
    yesterday = today - timedelta(days=1)
    return yesterday - timedelta(days=1) if yesterday.isoweekday() == SUNDAY else yesterday


def day(config: Path, to: date) -> Iterator[tuple[str, str]]:
    """Yield (record type, NDJSON) of each file of config/demo, its dates moved so that RECORDED_DAY becomes `to`."""
    folder = config / "demo"
    shift = (to - RECORDED_DAY).days
    for name in (folder / ORDER_FILE).read_text("utf-8").split():
        text = (folder / f"{name}.ndjson").read_text("utf-8")
        for offset in (-2, -1, 0, 1):
            old = RECORDED_DAY + timedelta(days=offset)
            # The character \x01 marks dates that have been moved, so that they are not moved again.
            text = text.replace(old.isoformat(), f"\x01{(old + timedelta(days=shift)).isoformat()}")
        yield name, text.replace("\x01", "")


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise AntarError(f"{url} does not answer: {error}") from error
            time.sleep(0.1)
