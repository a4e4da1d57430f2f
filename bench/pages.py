"""What pages weigh and cost: bytes of a first visit past the shared assets, and server time with few and many rows."""

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
from bench.places import FAILED, places
from bench.rows import Row
from bench.site import Site, site

LIGHT = 150_000
"""Bytes of a page at most."""
TRIES = 15
ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')
LARGE = ("dashboard", "list", "no match", "problems")
"""Pages whose cost could grow with the number of deliveries."""


def rows(options: Options) -> list[Row]:
    """Two rows per page, then the server time of lists among many deliveries against that among few."""
    many = options.many
    with TemporaryDirectory() as folder, site(Path(folder)) as shown:
        shown.play()
        shown.ask_for_a_job()
        addresses = places(shown)
        with closing(person(shown)) as client:
            few = {name: _seconds(client, address) for name, address in addresses.items()}
            floor = _seconds(client, "/health/live")
            found = [*_weights(client, addresses), *(_cost(name, spent, floor) for name, spent in few.items())]
            [(_, failed)] = shown.rows(FAILED)
            multiply(shown.database, failed, many)
            return found + [
                _growth(name, _seconds(client, addresses[name]), few[name], many) for name in LARGE if name in addresses
            ]


def person(shown: Site) -> httpx.Client:
    """A client that is logged in."""
    client = httpx.Client(base_url=shown.address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)
    client.post("/login", data={"name": shown.access.user, "password": shown.access.password})
    return client


def _weights(client: httpx.Client, addresses: dict[str, str]) -> list[Row]:
    """The document and those of its assets that not every page has."""
    documents = {name: client.get(address).raise_for_status().text for name, address in addresses.items()}
    assets = {name: set(ASSET.findall(document)) for name, document in documents.items()}
    shared = set.intersection(*assets.values())
    weights = {
        name: len(document.encode()) + sum(len(client.get(asset).content) for asset in assets[name] - shared)
        for name, document in documents.items()
    }
    return [
        Row(f"weight, {name}", f"{LIGHT / 1000:.0f} kB", weight / LIGHT, "<= 1", weight / 1000, "kB")
        for name, weight in weights.items()
    ]


def _seconds(client: httpx.Client, address: str) -> float:
    return median(seconds(client, address, TRIES))


def seconds(client: httpx.Client, address: str, times: int) -> list[float]:
    """What so many visits of a page take."""
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
