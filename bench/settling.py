"""Settling with attempts and counters against settling without: milliseconds of a batch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from unittest.mock import patch

import uvloop
from msgspec.structs import replace

from adapters.base import Verdict
from bench.clinic import Clinic, clinic, plain
from bench.options import Options
from bench.rows import Row, compared
from engine.delivery.status import Status
from engine.delivery.types import AttemptRow, Settlement
from engine.outbox import counters
from engine.outbox.claim import claim
from engine.outbox.settle import settle
from engine.sending.settlement_writer import BATCH_SIZE


async def claimed(here: Clinic, attempt: AttemptRow) -> list[Settlement]:
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


async def milliseconds(here: Clinic, settlements: list[Settlement]) -> float:
    """Return the milliseconds that settling the batch takes."""
    started = time.perf_counter()
    await settle(here.hub.database, settlements, [settlements[0].delivery.lease])
    return (time.perf_counter() - started) * 1e3


async def measure(database_url: str, rounds: int) -> tuple[list[float], list[float]]:
    """Return milliseconds of a batch with and without attempts and counters, alternating; the first to run changes."""
    async with clinic(plain(database_url)) as here:
        await here.hand_in(0, 2 * rounds * BATCH_SIZE)
        body = await here.finished_body()
        attempt = AttemptRow(
            here.hub.database.clock(), 40, "create", "0" * 16, Verdict.ACCEPTED, "", "POST", "/Encounter", body, 201
        )
        attempt = replace(attempt, response=b'{"resourceType":"Any","id":"%036d"}' % 1)
        figures: dict[bool, list[float]] = {True: [], False: []}
        for n in range(rounds):
            for with_account in (True, False) if n % 2 == 0 else (False, True):
                settlements = await claimed(here, attempt)
                if with_account:
                    figures[True].append(await milliseconds(here, settlements))
                else:
                    bare = [replace(settlement, attempts=()) for settlement in settlements]
                    with patch.object(counters, "apply"):
                        figures[False].append(await milliseconds(here, bare))
        return figures[True], figures[False]


def rows(options: Options) -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        for name, url in options.databases(folder).items():
            kept, bare = uvloop.run(measure(url, 10 * options.rounds))
            what = f"settling of {BATCH_SIZE} with their account, {name}"
            yield compared(what, "without attempts and counters", kept, bare, "<= 1.3", "ms")
