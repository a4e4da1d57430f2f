"""Invariants of deliveries: hold after every step of any order of events."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import Status
from engine.delivery.types import Awaited, Channel, ClaimedDelivery, NewRecord, Settlement
from engine.facilities.facilities import add_facility
from engine.outbox import counters
from engine.outbox.add import Batch, add
from engine.outbox.claim import LEASE_MS, begin, claim
from engine.outbox.reclaim import reclaim, release_overlooked
from engine.outbox.resend import ignore, resend
from engine.outbox.settle import settle
from tests import databases
from tests.conftest import Clock

KEYS = st.sampled_from(["1", "2", "3", "4"])
DUE = {"queued", "retrying"}
"""Statuses that something will be done about by itself."""
ENDED = {"sent", "failed", "ignored"}


class Ledger(RuleBasedStateMachine):
    """Two workers, a HIS and a person acting on the same four deliveries."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.database = Database(databases.sqlite(self.folder), durable=False, clock=self.clock)
        self.run(add_facility(self.database, "klinik", "Klinik"))
        self.held: list[ClaimedDelivery] = []
        self.contents = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def rows(self, query: str = "SELECT * FROM deliveries") -> Any:
        return self.run(self.database.fetch(text(query)))

    @rule(key=KEYS, changed=st.booleans(), updatable=st.booleans())
    def hand_in(self, key: str, changed: bool, updatable: bool) -> None:
        self.contents += changed
        entry = NewRecord(key, "2026-03-10", "{}", f"content-{self.contents}")
        self.run(add(self.database, Batch(1, "Visit", "ministry", updatable), [entry]))

    @rule(limit=st.integers(1, 3), begins=st.booleans())
    def take(self, limit: int, begins: bool) -> None:
        taken = self.run(claim(self.database, Channel("ministry", 1), limit, "worker"))
        if taken and begins:
            self.run(begin(self.database, taken[0].lease))
        self.held += taken

    @rule(
        status=st.sampled_from([Status.SENT, Status.FAILED, Status.RETRYING, Status.UNSURE, Status.BLOCKED]),
        waits_for=KEYS,
        late=st.booleans(),
    )
    def finish(self, status: Status, waits_for: str, late: bool) -> None:
        if not self.held:
            return
        delivery = self.held.pop(0)
        settlement = Settlement(
            delivery,
            status,
            due_at=self.clock.now + 1000 if status in (Status.RETRYING, Status.UNSURE) else None,
            tried=status is not Status.BLOCKED,
            in_doubt=status is Status.UNSURE,
            reference=f"ref-{delivery.key}" if status is Status.SENT else None,
            sent_version=delivery.version if status is Status.SENT else None,
            waits=(Awaited(("Visit",), waits_for),) if status is Status.BLOCKED and waits_for != delivery.key else (),
        )
        self.run(settle(self.database, [settlement]))

    @rule(seconds=st.sampled_from([1, 2, LEASE_MS // 1000 + 1]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_(seconds)

    @rule()
    def sweep(self) -> None:
        self.run(reclaim(self.database))
        self.run(release_overlooked(self.database))

    @rule(key=KEYS, force=st.booleans())
    def person_resends(self, key: str, force: bool) -> None:
        for row in self.rows():
            if row.key == key:
                self.run(resend(self.database, 1, [row.id], "sari", force=force, reason="uji"))

    @rule(key=KEYS)
    def person_ignores(self, key: str) -> None:
        for row in self.rows():
            if row.key == key:
                self.run(ignore(self.database, 1, [row.id], "sari", reason="uji"))

    @invariant()
    def counters_say_what_is_there(self) -> None:
        kept, counted = self.run(counters.kept(self.database)), self.run(counters.recount(self.database))
        assert kept == counted

    @invariant()
    def what_is_being_sent_is_due_and_in_one_lease(self) -> None:
        held = self.rows("SELECT delivery_id, content FROM held_deliveries")
        assert len(held) == len({row.delivery_id for row in held})
        rows = {row.id: row for row in self.rows()}
        for id_, content in held:
            assert rows[id_].status in ("queued", "retrying", "unsure"), rows[id_]
            assert rows[id_].due_at <= self.clock.now, rows[id_]
            assert abs(content) <= rows[id_].version, rows[id_]

    @invariant()
    def every_lease_holds_something(self) -> None:
        assert not self.rows("SELECT id FROM leases WHERE batch = '{}'")

    @invariant()
    def what_is_being_sent_counts_as_that(self) -> None:
        counts = self.run(counters.read(self.database, 1)).get("Visit", {})
        assert counts.get("sending", 0) == len(self.rows("SELECT delivery_id FROM held_deliveries"))
        assert all(n >= 0 for n in counts.values())

    @invariant()
    def what_is_to_be_done_is_due_and_what_has_ended_is_not(self) -> None:
        for row in self.rows():
            assert row.due_at is not None or row.status not in DUE, row
            assert row.due_at is None or row.status not in ENDED | {"blocked"}, row

    @invariant()
    def what_was_sent_has_its_reference(self) -> None:
        for row in self.rows():
            assert row.status != "sent" or row.reference is not None, row

    @invariant()
    def only_what_is_blocked_waits(self) -> None:
        query = (
            "SELECT d.status FROM waits AS w JOIN deliveries AS d ON d.id = w.delivery_id WHERE d.status <> 'blocked'"
        )
        assert not self.rows(query)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
