"""Recipients of alerts. All processes share their rows; a process sends only after it has moved the row's `mark`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, update

from adapters.messages import shortened
from engine.alerts.conditions import Thresholds
from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import AlertRecipient, Facility
from engine.database.transaction import ModelTransaction

LEASE_MS = 60_000  # lease of a recipient by the process that sends to it; longer than any delivery takes
# Pause before an alert that could not be delivered is tried again.
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 60_000, 1_800_000
DEFAULT_ZONE = "Asia/Jakarta"  # time zone of a recipient of all clinics
MAX_PROBLEM_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, group or system that gets alerts. Times of day are `HH:MM` in `zone`; empty: none."""

    id: int
    facility_id: int | None
    name: str
    way: str
    address: str
    sealed: bytes | None
    zone: str
    quiet_from: str
    quiet_until: str
    waiting_minutes: int
    failure_percent: int
    digest_at: str
    digest_on: str
    known: str
    mark: int
    fails: int
    again_at: int

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(self.waiting_minutes, self.failure_percent)

    def local(self, now: int) -> datetime:
        return datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(self.zone))

    def is_quiet(self, now: int) -> bool:
        """Return whether only the digest may be sent now; the quiet hours may span midnight."""
        begin, end, time = self.quiet_from, self.quiet_until, f"{self.local(now):%H:%M}"
        if not begin or not end or begin == end:
            return False
        return begin <= time < end if begin < end else time >= begin or time < end


async def available(database: Database) -> list[Recipient]:
    """Return the enabled recipients that no process has leased."""
    free = AlertRecipient.enabled, AlertRecipient.held_until <= database.clock()
    return await database.fetch(Query(_recipients().where(*free).order_by(AlertRecipient.id), Recipient))


async def one(database: Database, id_: int) -> Recipient | None:
    """Return the recipient; None if it was removed."""
    return await database.first(Query(_recipients().where(AlertRecipient.id == id_), Recipient))


def _recipients() -> Select[Any]:
    """Select the fields of Recipient."""
    columns = {**AlertRecipient.__table__.c, "zone": func.coalesce(Facility.time_zone, DEFAULT_ZONE)}
    fields = (columns[name] for name in Recipient.__slots__)
    return select(*fields).outerjoin_from(AlertRecipient, Facility, Facility.id == AlertRecipient.facility_id)


async def lease(database: Database, recipient: Recipient) -> bool:
    """Lease the recipient before sending; False if another process was faster."""
    return await _move(database, recipient, recipient.mark, held_until=database.clock() + LEASE_MS)


async def store_ledger(database: Database, recipient: Recipient, ledger: str) -> bool:
    """Store the ledger when nothing was sent; False if another process was faster."""
    return await _move(database, recipient, recipient.mark, known=ledger)


async def delivered(database: Database, recipient: Recipient, ledger: str, digest_on: str) -> None:
    """Store the ledger after a delivery, and release the lease."""
    values = {"known": ledger, "digest_on": digest_on, "told_at": database.clock()}
    await _move(database, recipient, recipient.mark + 1, held_until=0, fails=0, again_at=0, problem="", **values)


async def failed(database: Database, recipient: Recipient, problem: str) -> None:
    """Store a failed delivery and release the lease; the pauses between tries grow."""
    pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(recipient.fails, 10))
    values = {
        "fails": recipient.fails + 1,
        "again_at": database.clock() + pause,
        "problem": shortened(problem, MAX_PROBLEM_CHARACTERS),
    }
    await _move(database, recipient, recipient.mark + 1, held_until=0, **values)


async def _move(database: Database, recipient: Recipient, mark: int, **values: Any) -> bool:
    moved = update(AlertRecipient).where(AlertRecipient.id == recipient.id, AlertRecipient.mark == mark)
    return await database.write_models(ModelTransaction.execute, moved.values(mark=mark + 1, **values)) == 1
