"""The book of queue numbers that Antar keeps for an inbound service: give, show, call, cancel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.inbound.opening_hours import Shift, local_time, poli_name, shifts
from engine.inbound.requests import DONE, REFUSED, STRANGER, QueueAnswer, was_done
from engine.specs.inbound import Inbound


@dataclass(frozen=True, slots=True)
class QueueRequest:
    """A place in a queue; without doctor and hours anyone's of the poli will do."""

    card: str
    poli: str
    date: str
    doctor: str = ""
    hours: str = ""
    known: bool = False  # the caller says that the patient has been here


class QueueNumbers:
    """The numbers of one clinic; every method but the two that are awaited runs in the caller's transaction."""

    def __init__(self, facility: FacilityRow, inbound: Inbound, now: int) -> None:
        self._facility = facility
        self._inbound = inbound
        self._now = now
        self._today, self._clock = local_time(facility, now)

    def give(self, connection: Connection, wish: QueueRequest) -> QueueAnswer:
        """The next number of the poli and day, never one that was given before; or why not."""
        name = poli_name(connection, self._facility.id, self._inbound, wish.poli)
        if name is None or wish.date < self._today:
            return QueueAnswer(REFUSED, "poli" if name is None else "past")
        open_ = self._open(connection, wish)
        if not open_:
            return QueueAnswer(REFUSED, "closed")
        last = connection.execute(text(_LOCK), self._day(wish)).scalar_one()
        if self._of_card(connection, wish) is not None:
            return QueueAnswer(REFUSED, "twice")
        if not wish.known and not was_done(connection, self._facility.id, wish.card):
            return QueueAnswer(STRANGER, "stranger")
        if self._is_full(connection, wish, open_):
            return QueueAnswer(REFUSED, "full")
        number = {**self._day(wish), "number": last + 1, "now": self._now}
        connection.execute(text(_COUNT), number)
        connection.execute(text(_GIVE), {**number, "doctor": wish.doctor, "hours": wish.hours, "card": wish.card})
        return QueueAnswer(DONE, "done", self._told(connection, wish, name, last + 1))

    def show(self, connection: Connection, wish: QueueRequest) -> QueueAnswer:
        """How many are still before the holder of the card."""
        found = self._of_card(connection, wish)
        if found is None:
            return QueueAnswer(REFUSED, "absent")
        name = poli_name(connection, self._facility.id, self._inbound, wish.poli) or wish.poli
        held = QueueRequest(wish.card, wish.poli, wish.date, found.doctor, found.hours)
        return QueueAnswer(DONE, "done", self._told(connection, held, name, found.number))

    def cancel(self, connection: Connection, wish: QueueRequest) -> QueueAnswer:
        """Take the card out of the queue; whoever was called stays."""
        if connection.execute(text(_CANCEL), {**self._day(wish), "card": wish.card}).first() is not None:
            return QueueAnswer(DONE, "done")
        return QueueAnswer(REFUSED, "absent" if self._of_card(connection, wish) is None else "served")

    def status(self, connection: Connection, poli: str, date: str) -> QueueAnswer:
        """How each doctor's queue stands, and the poli's as a whole."""
        name = poli_name(connection, self._facility.id, self._inbound, poli)
        if name is None:
            return QueueAnswer(REFUSED, "poli")
        wish = QueueRequest("", poli, date)
        found = shifts(connection, self._facility.id, self._inbound, date, poli)
        if not found:
            return QueueAnswer(REFUSED, "closed")
        only = len(found) == 1  # then numbers that were given without a doctor are this one's
        each = [
            {
                "doctor": shift.doctor,
                "name": shift.name,
                "hours": shift.hours,
                **self._counts(connection, wish, None if only else shift),
            }
            for shift in found
        ]
        return QueueAnswer(DONE, "done", {"poli": poli, "name": name, **self._counts(connection, wish), "shifts": each})

    def _open(self, connection: Connection, wish: QueueRequest) -> list[Shift]:
        """The shifts in which a number may still be had; empty as well if the wished one is not among them."""
        found = [
            shift
            for shift in shifts(connection, self._facility.id, self._inbound, wish.date, wish.poli)
            if wish.date > self._today or not shift.is_over(self._clock)
        ]
        wished = [each for each in found if (each.doctor, each.hours) == (wish.doctor, wish.hours)]
        return wished if wish.doctor or wish.hours else found

    def _is_full(self, connection: Connection, wish: QueueRequest, open_: list[Shift]) -> bool:
        places = [shift.places for shift in open_ if shift.places is not None]
        shift = open_[0] if wish.doctor or wish.hours else None
        return len(places) == len(open_) and self._counts(connection, wish, shift)["total"] >= sum(places)

    def _told(self, connection: Connection, wish: QueueRequest, name: str, number: int) -> dict[str, Any]:
        shift = Shift("", wish.doctor, "", wish.hours, None) if wish.doctor or wish.hours else None
        counts = self._counts(connection, wish, shift, number)
        return {"poli": wish.poli, "name": name, "number": number, **counts}

    def _counts(
        self, connection: Connection, wish: QueueRequest, shift: Shift | None = None, before: int | None = None
    ) -> dict[str, Any]:
        """total: numbers that stand; waiting: those not called (`before` a number); called: the last called or None."""
        parameters = {**self._day(wish), "before": 2**31 - 1 if before is None else before}
        if shift is None:
            row = connection.execute(text(_COUNTS), parameters).one()
        else:
            parameters |= {"doctor": shift.doctor, "hours": shift.hours}
            row = connection.execute(text(_COUNTS + _OF_SHIFT), parameters).one()
        return {"total": int(row.total), "waiting": int(row.waiting), "called": row.called}

    def _of_card(self, connection: Connection, wish: QueueRequest) -> Any:
        return connection.execute(text(_OF_CARD), {**self._day(wish), "card": wish.card}).first()

    def _day(self, wish: QueueRequest) -> dict[str, Any]:
        return {"facility": self._facility.id, "date": wish.date, "poli": wish.poli}


async def call(database: Database, facility_id: int, poli: str, date: str, number: int) -> bool:
    """Note that a number was called; False: it does not stand in the queue."""
    parameters = {"facility": facility_id, "poli": poli, "date": date, "number": number}
    return await database.write(lambda connection: connection.execute(text(_CALL), parameters).first() is not None)


_DAY = "facility_id = :facility AND date = :date AND poli = :poli"

# Whoever comes second waits here until the first has their number.
_LOCK = """
INSERT INTO inbound_days (facility_id, date, poli, last) VALUES (:facility, :date, :poli, 0)
ON CONFLICT (facility_id, date, poli) DO UPDATE SET last = inbound_days.last RETURNING last
"""

_COUNT = f"UPDATE inbound_days SET last = :number WHERE {_DAY}"

_GIVE = """
INSERT INTO inbound_numbers (facility_id, date, poli, number, doctor, hours, card, state, at)
VALUES (:facility, :date, :poli, :number, :doctor, :hours, :card, 'waiting', :now)
"""

_OF_CARD = f"""
SELECT number, doctor, hours, state FROM inbound_numbers WHERE {_DAY} AND card = :card AND state <> 'cancelled'
"""

_CANCEL = f"""
UPDATE inbound_numbers SET state = 'cancelled' WHERE {_DAY} AND card = :card AND state = 'waiting' RETURNING number
"""

_CALL = f"""
UPDATE inbound_numbers SET state = 'called' WHERE {_DAY} AND number = :number AND state <> 'cancelled' RETURNING number
"""

_COUNTS = f"""
SELECT COUNT(*) AS total, COUNT(CASE WHEN state = 'waiting' AND number < :before THEN 1 END) AS waiting,
  MAX(CASE WHEN state = 'called' THEN number END) AS called
FROM inbound_numbers WHERE {_DAY} AND state <> 'cancelled'
"""

_OF_SHIFT = " AND doctor = :doctor AND hours = :hours"
