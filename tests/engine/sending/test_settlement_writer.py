"""The log of settled deliveries: which ones appear at which level."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

import pytest
import structlog
from structlog.testing import capture_logs

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.status import Status
from engine.delivery.types import Channel, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.settle import Settled, settle
from engine.sending.settlement_writer import SettlementWriter

pytestmark = pytest.mark.anyio
OUTCOMES = [Status.SENT, Status.FAILED, Status.UNSURE, Status.RETRYING]


@pytest.fixture
def settings_of_the_log() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("settings_of_the_log")
@pytest.mark.parametrize(
    ("level", "logged"),
    [(logging.DEBUG, ["sent", "failed", "unsure", "retrying"]), (logging.INFO, ["failed", "unsure"])],
)
async def test_what_a_person_may_have_to_mend_is_logged(
    database: Database, facility: FacilityRow, level: int, logged: list[str]
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    entries = [NewRecord(str(n), "2026-03-10", "{}", "a") for n in range(len(OUTCOMES))]
    await add(database, Batch(facility.id, "Visit", "ministry", True), entries)
    claimed = await claim(database, Channel("ministry", facility.id), 100, "worker")
    with capture_logs() as logs:
        writer = SettlementWriter(database, lambda channel: None)
        writing = asyncio.create_task(writer.run())
        for delivery, status in zip(claimed, OUTCOMES, strict=True):
            writer.put(Settlement(delivery, status))
        await writer.drained()
        writing.cancel()
    assert [line["status"] for line in logs if line["event"] == "settled"] == logged


async def test_what_comes_while_a_batch_is_written_is_written_next(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [NewRecord(str(n), "2026-03-10", "{}", "a") for n in range(3)]
    await add(database, Batch(facility.id, "Visit", "ministry", True), entries)
    first, *more = await claim(database, Channel("ministry", facility.id), 100, "worker")
    writer, batches = SettlementWriter(database, lambda channel: None), list[int]()

    async def settle_slowly(database: Database, batch: Sequence[Settlement]) -> Settled:
        batches.append(len(batch))
        if len(batches) == 1:
            for delivery in more:
                writer.put(Settlement(delivery, Status.SENT))
        return await settle(database, batch)

    monkeypatch.setattr("engine.sending.settlement_writer.settle", settle_slowly)
    writing = asyncio.create_task(writer.run())
    writer.put(Settlement(first, Status.SENT))
    assert not writer.is_idle
    await writer.drained()
    writing.cancel()
    assert batches == [1, 2]
    assert not await database.fetch(LEASES)


LEASES = Statement("SELECT id FROM leases", int)
