"""Queue numbers that Antar keeps for an inbound service: give, show, call, cancel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from engine.inbound.opening_hours import Shift, local_time, poli_name, shifts
from engine.inbound.requests import DONE, REFUSED, STRANGER, QueueAnswer, was_done
from engine.specs.inbound import Inbound


@dataclass(frozen=True, slots=True)
class QueueRequest:
    """A request for a place in a queue; without doctor and hours any doctor of the poli is accepted."""

    card: str
    poli: str
    date: str
    doctor: str = ""
    hours: str = ""
    registered: bool = False  # the caller says that the patient is registered at the clinic


class QueueNumbers:
    """Queue numbers of one clinic; every method runs in the caller's transaction."""

    def __init__(self, facility: FacilityRow, inbound: Inbound, now: int) -> None:
        self._facility = facility
        self._inbound = inbound
        self._now = now
        self._today, self._clock = local_time(facility, now)

    async def give(self, tx: Transaction, request: QueueRequest) -> QueueAnswer:
        """Give the next number of the poli and day, never a number that was given before; or return the reason."""
        name = await poli_name(tx, self._facility.id, self._inbound, request.poli)
        if name is None or request.date < self._today:
            return QueueAnswer(REFUSED, "poli" if name is None else "past")
        open_ = await self._open(tx, request)
        if not open_:
            return QueueAnswer(REFUSED, "closed")
        [(last,)] = await tx.rows(text(_LOCK), self._day(request))
        if (await self._of_card(tx, request)) is not None:
            return QueueAnswer(REFUSED, "twice")
        if not request.registered and not await was_done(tx, self._facility.id, request.card):
            return QueueAnswer(STRANGER, "stranger")
        if await self._is_full(tx, request, open_):
            return QueueAnswer(REFUSED, "full")
        number = {**self._day(request), "number": last + 1, "now": self._now}
        await tx.execute(text(_COUNT), number)
        await tx.execute(
            text(_GIVE), {**number, "doctor": request.doctor, "hours": request.hours, "card": request.card}
        )
        return QueueAnswer(DONE, "done", await self._place(tx, request, name, last + 1))

    async def show(self, tx: Transaction, request: QueueRequest) -> QueueAnswer:
        """Return the card's number and how many patients are before it."""
        row = await self._of_card(tx, request)
        if row is None:
            return QueueAnswer(REFUSED, "absent")
        name = (await poli_name(tx, self._facility.id, self._inbound, request.poli)) or request.poli
        place = QueueRequest(request.card, request.poli, request.date, row.doctor, row.hours)
        return QueueAnswer(DONE, "done", await self._place(tx, place, name, row.number))

    async def cancel(self, tx: Transaction, request: QueueRequest) -> QueueAnswer:
        """Cancel the card's number; a number that was called stays."""
        if (await tx.first(text(_CANCEL), {**self._day(request), "card": request.card})) is not None:
            return QueueAnswer(DONE, "done")
        return QueueAnswer(REFUSED, "absent" if (await self._of_card(tx, request)) is None else "served")

    async def status(self, tx: Transaction, poli: str, date: str) -> QueueAnswer:
        """Return the counts of each doctor's queue and of the poli as a whole."""
        name = await poli_name(tx, self._facility.id, self._inbound, poli)
        if name is None:
            return QueueAnswer(REFUSED, "poli")
        request = QueueRequest("", poli, date)
        on_day = await shifts(tx, self._facility.id, self._inbound, date, poli)
        if not on_day:
            return QueueAnswer(REFUSED, "closed")
        only = len(on_day) == 1  # then numbers that were given without a doctor are this doctor's
        by_shift = [
            {
                "doctor": shift.doctor,
                "name": shift.name,
                "hours": shift.hours,
                **(await self._counts(tx, request, None if only else shift)),
            }
            for shift in on_day
        ]
        counts = await self._counts(tx, request)
        return QueueAnswer(DONE, "done", {"poli": poli, "name": name, **counts, "shifts": by_shift})

    async def _open(self, tx: Transaction, request: QueueRequest) -> list[Shift]:
        """Return the shifts that still give numbers, only the requested one if the request names it."""
        open_ = [
            shift
            for shift in await shifts(tx, self._facility.id, self._inbound, request.date, request.poli)
            if request.date > self._today or not shift.is_over(self._clock)
        ]
        requested = [shift for shift in open_ if (shift.doctor, shift.hours) == (request.doctor, request.hours)]
        return requested if request.doctor or request.hours else open_

    async def _is_full(self, tx: Transaction, request: QueueRequest, open_: list[Shift]) -> bool:
        places = [shift.places for shift in open_ if shift.places is not None]
        shift = open_[0] if request.doctor or request.hours else None
        return len(places) == len(open_) and (await self._counts(tx, request, shift))["total"] >= sum(places)

    async def _place(self, tx: Transaction, request: QueueRequest, name: str, number: int) -> dict[str, Any]:
        shift = Shift("", request.doctor, "", request.hours, None) if request.doctor or request.hours else None
        counts = await self._counts(tx, request, shift, number)
        return {"poli": request.poli, "name": name, "number": number, **counts}

    async def _counts(
        self, tx: Transaction, request: QueueRequest, shift: Shift | None = None, before: int | None = None
    ) -> dict[str, Any]:
        """Return total (numbers not cancelled), waiting (not yet called, `before` a number), called (last, or None)."""
        parameters = {**self._day(request), "before": 2**31 - 1 if before is None else before}
        if shift is None:
            [row] = await tx.rows(text(_COUNTS), parameters)
        else:
            parameters |= {"doctor": shift.doctor, "hours": shift.hours}
            [row] = await tx.rows(text(_COUNTS + _OF_SHIFT), parameters)
        return {"total": int(row.total), "waiting": int(row.waiting), "called": row.called}

    async def _of_card(self, tx: Transaction, request: QueueRequest) -> Any:
        return await tx.first(text(_OF_CARD), {**self._day(request), "card": request.card})

    def _day(self, request: QueueRequest) -> dict[str, Any]:
        return {"facility": self._facility.id, "date": request.date, "poli": request.poli}


async def call(database: Database, facility_id: int, poli: str, date: str, number: int) -> bool:
    """Note that a number was called; False if the number is not in the queue."""
    parameters = {"facility": facility_id, "poli": poli, "date": date, "number": number}
    return await database.write(Transaction.first, text(_CALL), parameters) is not None


_DAY = "facility_id = :facility AND date = :date AND poli = :poli"

# A second request waits here until the transaction of the first one has its number.
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
