"""Queue numbers that Antar keeps for an inbound service: give, show, call, cancel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
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
        [last] = await tx.rows(_LOCK, self._day(request))
        if (await self._of_card(tx, request)) is not None:
            return QueueAnswer(REFUSED, "twice")
        if not request.registered and not await was_done(tx, self._facility.id, request.card):
            return QueueAnswer(STRANGER, "stranger")
        if await self._is_full(tx, request, open_):
            return QueueAnswer(REFUSED, "full")
        number = {**self._day(request), "number": last + 1, "now": self._now}
        await tx.execute(_COUNT, number)
        await tx.execute(_GIVE, {**number, "doctor": request.doctor, "hours": request.hours, "card": request.card})
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
        if (await tx.first(_CANCEL, {**self._day(request), "card": request.card})) is not None:
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
                **(await self._counts(tx, request, None if only else shift))._asdict(),
            }
            for shift in on_day
        ]
        counts = await self._counts(tx, request)
        return QueueAnswer(DONE, "done", {"poli": poli, "name": name, **counts._asdict(), "shifts": by_shift})

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
        return len(places) == len(open_) and (await self._counts(tx, request, shift)).total >= sum(places)

    async def _place(self, tx: Transaction, request: QueueRequest, name: str, number: int) -> dict[str, Any]:
        shift = Shift("", request.doctor, "", request.hours, None) if request.doctor or request.hours else None
        counts = await self._counts(tx, request, shift, number)
        return {"poli": request.poli, "name": name, "number": number, **counts._asdict()}

    async def _counts(
        self, tx: Transaction, request: QueueRequest, shift: Shift | None = None, before: int | None = None
    ) -> _Counts:
        """Count the numbers of the day, or of one shift; `waiting` counts those before the number `before`."""
        parameters = {**self._day(request), "before": 2**31 - 1 if before is None else before}
        if shift is None:
            [counts] = await tx.rows(_COUNTS, parameters)
        else:
            parameters |= {"doctor": shift.doctor, "hours": shift.hours}
            [counts] = await tx.rows(_COUNTS_OF_SHIFT, parameters)
        return counts

    async def _of_card(self, tx: Transaction, request: QueueRequest) -> _CardNumber | None:
        return await tx.first(_OF_CARD, {**self._day(request), "card": request.card})

    def _day(self, request: QueueRequest) -> dict[str, Any]:
        return {"facility": self._facility.id, "date": request.date, "poli": request.poli}


async def call(database: Database, facility_id: int, poli: str, date: str, number: int) -> bool:
    """Note that a number was called; False if the number is not in the queue."""
    parameters = {"facility": facility_id, "poli": poli, "date": date, "number": number}
    return bool(await database.returned(_CALL, parameters))


_DAY = "facility_id = :facility AND date = :date AND poli = :poli"

# A second request waits here until the transaction of the first one has its number.
_LOCK = Statement(
    """
INSERT INTO inbound_days (facility_id, date, poli, last) VALUES (:facility, :date, :poli, 0)
ON CONFLICT (facility_id, date, poli) DO UPDATE SET last = inbound_days.last RETURNING last
""",
    int,
)

_COUNT = Command(f"UPDATE inbound_days SET last = :number WHERE {_DAY}")

_GIVE = Command(
    """
INSERT INTO inbound_numbers (facility_id, date, poli, number, doctor, hours, card, state, at)
VALUES (:facility, :date, :poli, :number, :doctor, :hours, :card, 'waiting', :now)
"""
)


class _CardNumber(NamedTuple):
    """The number of a card on a day."""

    number: int
    doctor: str
    hours: str
    state: str


_OF_CARD = Statement(
    f"""
SELECT number, doctor, hours, state FROM inbound_numbers WHERE {_DAY} AND card = :card AND state <> 'cancelled'
""",
    _CardNumber,
)

_CANCEL = Statement(
    f"""
UPDATE inbound_numbers SET state = 'cancelled' WHERE {_DAY} AND card = :card AND state = 'waiting' RETURNING number
""",
    int,
)

_CALL = Statement(
    f"""
UPDATE inbound_numbers SET state = 'called' WHERE {_DAY} AND number = :number AND state <> 'cancelled' RETURNING number
""",
    int,
)


class _Counts(NamedTuple):
    """Numbers that are not cancelled, those of them that are not yet called, and the last called one."""

    total: int
    waiting: int
    called: int | None


_COUNT_NUMBERS = f"""
SELECT COUNT(*) AS total, COUNT(CASE WHEN state = 'waiting' AND number < :before THEN 1 END) AS waiting,
  MAX(CASE WHEN state = 'called' THEN number END) AS called
FROM inbound_numbers WHERE {_DAY} AND state <> 'cancelled'
"""
_COUNTS = Statement(_COUNT_NUMBERS, _Counts)
_COUNTS_OF_SHIFT = Statement(f"{_COUNT_NUMBERS} AND doctor = :doctor AND hours = :hours", _Counts)
