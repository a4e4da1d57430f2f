"""Weight and cost of pages: bytes of a first visit beyond the shared assets, and server time with few and many rows."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from bench.many import multiply
from bench.options import Options
from bench.places import FAILED, page_addresses
from bench.rows import Row
from bench.site import Installation, site

MAX_PAGE_BYTES = 150_000
TRIES = 15
ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')
LARGE = ("dashboard", "list", "no match", "problems")  # pages whose cost could grow with the number of deliveries


def rows(options: Options) -> list[Row]:
    """Return two rows per page, then the server time of lists among many deliveries against that among few."""
    many = options.many
    with TemporaryDirectory() as folder, site(Path(folder)) as panel:
        panel.play()
        panel.ask_for_a_job()
        panel.store_inbound_request()
        addresses = page_addresses(panel)
        with closing(person(panel)) as client:
            few = {name: _seconds(client, address) for name, address in addresses.items()}
            floor = _seconds(client, "/health/live")
            report = [*_weights(client, addresses), *(_cost(name, spent, floor) for name, spent in few.items())]
            [(_, failed)] = panel.rows(FAILED)
            multiply(panel.database, failed, many)
            return report + [
                _growth(name, _seconds(client, addresses[name]), few[name], many) for name in LARGE if name in addresses
            ]


def person(panel: Installation) -> httpx.Client:
    """Return a client that is logged in."""
    client = httpx.Client(base_url=panel.address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)
    client.post("/login", data={"name": panel.access.user, "password": panel.access.password})
    return client


def _weights(client: httpx.Client, addresses: dict[str, str]) -> list[Row]:
    """Weigh the document and the assets that not every page has."""
    documents = {name: client.get(address).raise_for_status().text for name, address in addresses.items()}
    assets = {name: set(ASSET.findall(document)) for name, document in documents.items()}
    shared = set.intersection(*assets.values())
    weights = {
        name: len(document.encode()) + sum(len(client.get(asset).content) for asset in assets[name] - shared)
        for name, document in documents.items()
    }
    return [
        Row(f"weight, {name}", f"{MAX_PAGE_BYTES / 1000:.0f} kB", weight / MAX_PAGE_BYTES, "<= 1", weight / 1000, "kB")
        for name, weight in weights.items()
    ]


def _seconds(client: httpx.Client, address: str) -> float:
    return median(seconds(client, address, TRIES))


def seconds(client: httpx.Client, address: str, times: int) -> list[float]:
    """Return the seconds of each of `times` visits to a page."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        client.get(address).raise_for_status()
        spent.append(time.perf_counter() - started)
    return spent


def _cost(name: str, spent: float, floor: float) -> Row:
    return Row(f"server time, {name}", "/health/live", spent / floor, "<= 50", spent * 1000, "ms")


def _growth(name: str, spent: float, few: float, many: int) -> Row:
    return Row(f"server time, {name}, {many:,} more", "the demo's day", spent / few, "<= 2", spent * 1000, "ms")
