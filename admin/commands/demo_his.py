"""antar demo-his: a small clinic's own database that is read, and its staff, who work in it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from admin.commands import demo
from admin.commands.demo import DemoLogin, demo_credentials, demo_login, demo_settings, refuse_taken_ports
from admin.commands.demo_folder import kept_key, prepare_folder
from admin.commands.demo_records import ZONE
from admin.commands.demo_visitors import confirm_codes
from admin.commands.processes import run_all
from admin.logging_config import set_up_logging
from engine.catalog.catalog import Catalog
from engine.errors import NotFound
from engine.facilities.facilities import set_credentials
from engine.hub import Hub
from engine.settings import ROOT, Settings
from engine.sources import states

if TYPE_CHECKING:
    from sandbox.his.clinic import HisClinic

SERVER = "mysql+asyncmy://root@127.0.0.1:3306"
DATABASE = "antar_demo_his"  # made by the demo and dropped when it ends
VISITS = 12  # of today that are over when the demo begins
EVERY = ("days: 2, every: 60", "days: 2, every: 10")  # the pace of the pack, and that of the demo


@dataclass(frozen=True)
class ReadDatabase:
    """The clinic's database: its kind, its address for the clinic, and the credentials by which it is read."""

    kind: str
    url: URL
    credentials: dict[str, str]


def register(app: typer.Typer) -> None:
    app.command("demo-his")(demo_his)


def demo_his(
    system: Annotated[str, typer.Argument(help="The pack of the clinic's system: a folder of config/packs.")],
    server: Annotated[str, typer.Option(help="MariaDB whose user may make a database.")] = SERVER,
) -> None:
    """Start the sandbox, Antar, and a clinic whose own database is read while its staff works in it."""
    _check_pack(system)
    folder = ROOT / "var" / "demo-his"
    key = kept_key(folder, fresh=True)
    settings = replace(demo_settings(folder, key), config_dir=folder / "config")
    set_up_logging(settings.log_level)
    logging.getLogger("asyncmy").setLevel(logging.ERROR)  # it warns when a database to be dropped is not there
    refuse_taken_ports(settings)
    prepare_folder(folder, key, fresh=True, go_on="")
    with _database(server, folder) as read, demo.running_sandbox(settings):
        _configure(settings.config_dir, system, read.kind)
        login, catalog = asyncio.run(_begin(settings, system, read))
        threading.Thread(target=_play, args=(settings, system, read, login, catalog), daemon=True).start()
        run_all(settings, catalog)


def _check_pack(system: str) -> None:
    packs = ROOT / "config" / "packs"
    if not (packs / system / "source.yaml").is_file():
        offered = ", ".join(sorted(file.parent.name for file in packs.glob("*/source.yaml")))
        raise NotFound(f"no pack {system!r} in config/packs; there are: {offered}")


def _configure(config: Path, system: str, kind: str) -> None:
    """Make a configuration in which the database of a system is of that kind."""
    from sandbox.his.cases import KFA, LOINC

    shutil.rmtree(config, ignore_errors=True)
    shutil.copytree(ROOT / "config", config)
    pack = config / "packs" / system / "source.yaml"
    _change(pack, "    extends:", f"    system: {kind}\n    extends:")
    for file in (pack, *(config / "packs").glob("*.yaml")):
        _change(file, *EVERY)
    for name, codes in {"kfa": KFA, "laboratory": LOINC}.items():
        lines = [f"{key},{code}\n" for key, code in codes.items()]
        (config / "demo" / "mappings" / f"{name}.csv").write_text("".join(["key,code\n", *lines]), "utf-8")


def _change(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text("utf-8").replace(old, new, 1), "utf-8")


@contextmanager
def _database(server: str, folder: Path) -> Iterator[ReadDatabase]:
    """Yield an empty database: of MariaDB if the server takes us, otherwise a file of SQLite, which it says."""
    from sqlalchemy import make_url

    url = make_url(server)
    try:
        asyncio.run(_at_server(url, f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}"))
    except (DBAPIError, OSError, ImportError) as error:
        place = f"{url.host}:{url.port or 3306}"
        typer.echo(f"  No MariaDB at {place} ({type(error).__name__}): the clinic's database is a file of SQLite.")
        file = folder / "sik.sqlite3"
        for old in folder.glob("sik.sqlite3*"):
            old.unlink()
        yield ReadDatabase("sqlite", URL.create("sqlite+aiosqlite", database=str(file)), {"database": str(file)})
        return
    credentials = {"host": url.host or "", "port": str(url.port or 3306), "user": url.username or ""}
    credentials |= {"password": str(url.password or ""), "database": DATABASE}
    try:
        yield ReadDatabase("mariadb", url.set(database=DATABASE), credentials)
    finally:
        asyncio.run(_at_server(url, f"DROP DATABASE IF EXISTS {DATABASE}"))


async def _at_server(url: URL, *statements: str) -> None:
    from sandbox.his.database import HisDatabase

    await HisDatabase(url).run(*statements)


async def _begin(settings: Settings, system: str, read: ReadDatabase) -> tuple[DemoLogin, Catalog]:
    """Fill the clinic's morning, add the clinic to Antar, and start its source."""
    from sandbox.his.day import morning

    his, now = _clinic(system, read), _now()
    await his.open()
    await morning(his, now, VISITS)
    hub = await Hub.open(settings, durable=False)
    try:
        credentials = {**demo_credentials(settings.config_dir, settings.sandbox_port)}
        facility = await demo.clinic(hub, *demo.FIRST_CLINIC, credentials)
        await set_credentials(hub.database, hub.vault, facility.id, f"source:{system}", read.credentials)
        source = hub.catalog.sources[system]
        await states.start(hub.database, facility.id, source, now.date(), "demo")
        return await demo_login(hub, facility.id), hub.catalog
    finally:
        await hub.close()


def _clinic(system: str, read: ReadDatabase) -> HisClinic:
    from sandbox.his.clinic import HisClinic
    from sandbox.his.database import HisDatabase

    return HisClinic(HisDatabase(read.url), system, _now().date())


def _now() -> datetime:
    """Return the time on the clinic's wall."""
    return datetime.now(ZoneInfo(ZONE)).replace(tzinfo=None)


def _play(settings: Settings, system: str, read: ReadDatabase, login: DemoLogin, catalog: Catalog) -> None:
    """Print the address, confirm the codes, and let the staff work."""
    address = f"http://{settings.host}:{settings.port}"
    demo.wait_for(f"{address}/health/ready")
    label = catalog.sources[system].label.en
    typer.echo(f"\n  Antar     {address}\n  login     {login.user} / {login.password}")
    typer.echo(f"  clinic    {label} on {read.kind}, {VISITS} visits this morning; read every 10 seconds")
    typer.echo("\n  The staff works now; what it enters, corrects and deletes is sent. Ctrl-C ends the demo.\n")
    asyncio.run(_work(settings, system, read, catalog))


async def _work(settings: Settings, system: str, read: ReadDatabase, catalog: Catalog) -> None:
    from sandbox.his.day import play

    staff = play(_clinic(system, read), VISITS, _now, lambda words: typer.echo(f"  {_now():%H:%M:%S}  {words}"))
    await asyncio.gather(staff, confirm_codes(settings, catalog))
