"""Settling with attempts and counters against settling without, and the part of the hourly counters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from unittest.mock import patch

import uvloop
from msgspec.structs import replace

from adapters.base import Verdict
from bench.clinic import BenchClinic, clinic, plain
from bench.options import Options
from bench.rows import Row, compared
from engine.delivery.status import Status
from engine.delivery.types import NewAttempt, Settlement
from engine.outbox import counters, hourly
from engine.outbox.claim import claim
from engine.outbox.settle import settle
from engine.sending.settlement_writer import BATCH_SIZE


async def claimed(here: BenchClinic, attempt: NewAttempt) -> list[Settlement]:
    """Return a batch as a worker has it after its requests."""
    return [
        Settlement(
            delivery,
            Status.SENT,
            tries=1,
            tried=True,
            reference=f"{delivery.id:036}",
            sent_version=delivery.version,
            http_status=201,
            attempts=(attempt,),
        )
        for delivery in await claim(here.hub.database, here.channel, BATCH_SIZE, "bench")
    ]


async def milliseconds(here: BenchClinic, settlements: list[Settlement]) -> float:
    """Return the milliseconds that settling the batch takes."""
    started = time.perf_counter()
    await settle(here.hub.database, settlements)
    return (time.perf_counter() - started) * 1e3


WHOLE, WITHOUT_HOURS, BARE = "whole", "without hours", "bare"


async def measure(database_url: str, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of a batch with all accounts, without hourly counters, and bare; the first to run changes."""
    variants = (WHOLE, WITHOUT_HOURS, BARE)
    async with clinic(plain(database_url)) as here:
        await here.hand_in(0, len(variants) * rounds * BATCH_SIZE)
        body = await here.finished_body()
        attempt = NewAttempt(
            here.hub.database.clock(), 40, "create", "0" * 16, Verdict.ACCEPTED, "", "POST", "/Encounter", body, 201
        )
        attempt = replace(attempt, response=b'{"resourceType":"Any","id":"%036d"}' % 1)
        figures: dict[str, list[float]] = {variant: [] for variant in variants}
        for n in range(rounds):
            for variant in variants[n % len(variants) :] + variants[: n % len(variants)]:
                settlements = await claimed(here, attempt)
                figures[variant].append(await _without(here, settlements, variant))
        return figures


async def _without(here: BenchClinic, settlements: list[Settlement], variant: str) -> float:
    if variant == WHOLE:
        return await milliseconds(here, settlements)
    with patch.object(hourly, "apply"):
        if variant == WITHOUT_HOURS:
            return await milliseconds(here, settlements)
        bare = [replace(settlement, attempts=()) for settlement in settlements]
        with patch.object(counters, "apply"):
            return await milliseconds(here, bare)


def rows(options: Options) -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        for name, url in options.databases(folder).items():
            figures = uvloop.run(measure(url, 10 * options.rounds))
            what = f"settling of {BATCH_SIZE} with their account, {name}"
            yield compared(what, "without attempts and counters", figures[WHOLE], figures[BARE], "<= 1.3", "ms")
            what = f"settling of {BATCH_SIZE} with hourly counters, {name}"
            yield compared(what, "without hourly counters", figures[WHOLE], figures[WITHOUT_HOURS], "<= 1.05", "ms")
