"""Records for a single browser test, made after the faulty records of the demo's day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson

from admin.commands.demo_records import day
from bench.site import Installation, clinic_day
from engine.settings import ROOT

BROKEN = ("Condition", "id", "RJ-0023-DX1")
"""Type, key and number of the record whose code is not in the list of codes."""
UNKNOWN = ("Patient", "norm", "RM-000211")
"""A person who is nowhere registered."""
QUEUE_NUMBER = ("TambahAntrean", "id", "AN-0020")
UNKNOWN_CARD = "0009999999999"
BARRIER = "browser tests"


def broken_diagnosis(key: str, **changes: Any) -> dict[str, Any]:
    """Return a diagnosis that the ministry refuses because of its code."""
    return {**_like(*BROKEN), "id": key, **changes}


def unknown_patient(norm: str, **changes: Any) -> dict[str, Any]:
    """Return a patient whose NIK the ministry does not know."""
    return {**_like(*UNKNOWN), "norm": norm, **changes}


def refused_queue_number(key: str, **changes: Any) -> dict[str, Any]:
    """Return a queue number of a card that BPJS does not know."""
    return {**_like(*QUEUE_NUMBER), "id": key, "card": UNKNOWN_CARD, **changes}


def failed(installation: Installation, spec: str, *records: dict[str, Any]) -> list[int]:
    """Submit the records, wait until they are refused, and return their ids."""
    installation.hand_in(spec, *records)
    installation.settle()
    keys = [str(record.get("norm" if spec == UNKNOWN[0] else "id")) for record in records]
    return [id_of(installation, spec, key) for key in keys]


def id_of(installation: Installation, spec: str, key: str) -> int:
    [(id_,)] = installation.rows("SELECT id FROM deliveries WHERE spec = ? AND key = ?", spec, key)
    return int(id_)


def being_sent(installation: Installation, spec: str) -> list[str]:
    """Return the keys of the deliveries of a type that a worker is sending."""
    query = "SELECT key FROM deliveries WHERE id IN (SELECT delivery_id FROM held_deliveries) AND spec = ?"
    return [key for (key,) in installation.rows(query, spec)]


@contextmanager
def held_at_the_upstream(installation: Installation, path: str) -> Iterator[None]:
    """Hold what is sent to a path (a pattern) at the sandbox until the block ends."""
    barrier, faults = installation.world.barriers[BARRIER], installation.world.faults
    faults.add(barrier=BARRIER, path=path)
    try:
        yield
    finally:
        faults.clear()
        barrier.release()


@cache
def _like(spec: str, name: str, key: str) -> dict[str, Any]:
    lines = dict(day(ROOT / "config", clinic_day()))[spec].splitlines()
    return next(record for record in map(orjson.loads, lines) if record[name] == key)
