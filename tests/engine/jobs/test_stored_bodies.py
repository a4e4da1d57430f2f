"""Every reader of the bodies of attempts gets them as they were sent, whether they were stored compressed or not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import text

from engine.corrections.queries import last_request
from engine.delivery import bodies
from engine.jobs.regenerate import preview
from engine.queries import deliveries
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio
NOTE = "panjang " * 100


async def stored(antar: SmallHub) -> list[Any]:
    return await antar.hub.database.fetch(text("SELECT id, delivery_id, request FROM attempts"))


@pytest.mark.parametrize("compressed", [True, False])
async def test_readers_get_what_was_sent(antar: SmallHub, monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    if not compressed:
        monkeypatch.setattr(bodies, "MIN_COMPRESSED_BYTES", 10**9)
    database = antar.hub.database
    await antar.hand_in("Visit", {"id": "V1", "note": NOTE})
    await antar.work()
    [(attempt, delivery, kept)] = await stored(antar)
    assert bytes(kept).startswith(bodies.MARK) == compressed
    [sent] = antar.ministry.calls
    last = await last_request(database, delivery)
    assert last is not None
    assert last.request == sent.body
    read = await deliveries.tries(database, delivery, [attempt])
    assert read[attempt].request == sent.body
    detail = await deliveries.one(database, antar.facility.id, delivery, bodies=True)
    assert detail is not None
    assert orjson.loads(detail.attempts[0].request or b"")["note"] == NOTE
    counts = await preview(database, {}, antar.hub.catalog.specs["Visit"], antar.facility)
    assert (counts.changed, counts.same, counts.faulty) == ((), 1, 0)
