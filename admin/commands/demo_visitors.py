"""Events of the demo besides its records: confirmed codes, and patients who take queue numbers by phone."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import Any

import typer

from admin.commands.mappings import import_table
from engine.catalog.catalog import Catalog
from engine.code_lists import copies, synchronisations
from engine.errors import VaultError
from engine.facilities.facilities import FacilityRow, all_facilities, credentials
from engine.hub import Hub
from engine.settings import Settings
from engine.specs.inbound import Inbound

LIST_SECONDS = 900.0  # time that the reading of a code list may take, on a busy machine
MAX_SHIFTS = 3  # for which patients call


async def confirm_codes(settings: Settings, catalog: Catalog | None = None) -> None:
    """Confirm the codes of the configuration's demo/mappings in each clinic."""
    hub = await Hub.open(settings, catalog=catalog)
    try:
        for facility in await all_facilities(hub.database):
            await _confirm(hub, facility)
    finally:
        await hub.close()


async def visit(settings: Settings, catalog: Catalog | None = None) -> None:
    """Confirm the codes of config/demo/mappings in each clinic, then let patients take numbers."""
    hub = await Hub.open(settings, catalog=catalog)
    try:
        for facility in await all_facilities(hub.database):
            await _confirm(hub, facility)
            for inbound in hub.catalog.inbound.values():
                await _call(hub, facility, inbound)
    finally:
        await hub.close()


async def _confirm(hub: Hub, facility: FacilityRow) -> None:
    """Confirm the codes of the demo's tables; the other items are left to the person who tries the demo."""
    for name, mapping in hub.catalog.mappings.items():
        table = hub.settings.config_dir / "demo" / "mappings" / f"{name}.csv"
        if table.is_file() and await _is_read(hub, mapping.catalogue.list.name, facility.id):
            imported = await import_table(hub, name, facility, table, "demo")
            confirmed = len(imported.lines) - len(imported.differing)
            typer.echo(f"  {facility.name}, {mapping.label.en}: {confirmed} confirmed; the others wait for a person.")


async def _call(hub: Hub, facility: FacilityRow, inbound: Inbound) -> None:
    try:
        login = await credentials(hub.database, hub.vault, facility.id, inbound.account)
    except VaultError:
        return
    if not login.get("username") or not await _is_read(hub, inbound.shifts, facility.id):
        return
    page = await copies.search(hub.database, facility.id, inbound.shifts, size=200)
    shifts = [row.key.split("/", 3) for row in page.rows]
    later = [shift for shift in shifts if shift[0] > shifts[0][0]] or shifts
    if not later:
        return
    day = later[0][0]
    that_day = [shift for shift in later if shift[0] == day][:MAX_SHIFTS]
    polis = [{"poli": poli, "doctor": doctor, "hours": hours} for _, poli, doctor, hours in that_day]
    base = f"http://127.0.0.1:{hub.settings.port}/inbound/{facility.code}"
    calls = {"base": base, "date": day, "polis": polis, "username": login["username"], "password": login["password"]}
    answers = await asyncio.to_thread(_post, f"http://127.0.0.1:{hub.settings.sandbox_port}", calls)
    typer.echo(f"  {inbound.label.en}: patients made {len(answers)} calls for {day}.")


def _post(sandbox: str, calls: dict[str, Any]) -> list[Any]:
    request = urllib.request.Request(  # noqa: S310 - our own sandbox
        f"{sandbox}/__control/clinic/phones", json.dumps(calls).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answers: list[Any] = json.load(answer)
    return answers


async def _is_read(hub: Hub, code_list: str, facility_id: int) -> bool:
    """Wait until a code list has been read; return False if that failed or took too long."""
    deadline = time.monotonic() + LIST_SECONDS
    while time.monotonic() < deadline:
        newest = (await synchronisations.latest(hub.database, facility_id)).get(code_list)
        if newest is not None and newest.state != "running":
            return bool(newest.state == "done")
        await asyncio.sleep(0.5)
    return False
