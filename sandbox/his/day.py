"""A running clinic: patients come one after another, and the staff makes the usual corrections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sandbox.his.cases import CORRECTED
from sandbox.his.clinic import HisClinic
from sandbox.his.visits import Visit

PAUSE_SECONDS = 10.0  # between two acts
FAST_MINUTE = timedelta(seconds=0.4)  # of a visit: what takes 25 minutes is over in 10 seconds
WRONG = "J06.9"  # the diagnosis that the doctor corrects
CORRECTED_NTH, SHORTENED_NTH, LEFT_NTH, DELETED_NTH = 2, 3, 4, 5

Say = Callable[[str], None]


async def morning(clinic: HisClinic, now: datetime, visits: int) -> int:
    """Enter so many visits that are over by `now`, on its day; return their number."""
    midnight = datetime.combine(now.date(), datetime.min.time())
    begins = max(now - timedelta(hours=3), midnight)
    step = (now - begins) / (visits + 1)
    minute = min(timedelta(minutes=1), step / 30)
    await clinic.enter([clinic.visit(n, (begins + n * step).time(), minute) for n in range(1, visits + 1)])
    return visits


async def play(clinic: HisClinic, number: int, now: Callable[[], datetime], say: Say) -> None:
    """Let patients come, numbered from `number` on, until cancelled or the day ends."""
    day, nth = now().date(), 0
    while now().date() == day:
        nth, number = nth + 1, number + 1
        visit = clinic.visit(number, now().time(), FAST_MINUTE)
        await clinic.register(visit)
        say(f"{visit.no_rawat}: {visit.person.name} was registered")
        await asyncio.sleep(PAUSE_SECONDS)
        await _serve(clinic, visit, nth, say)
        await asyncio.sleep(PAUSE_SECONDS)


async def _serve(clinic: HisClinic, visit: Visit, nth: int, say: Say) -> None:
    if nth % LEFT_NTH == 0:
        await clinic.cancel(visit)
        say(f"{visit.no_rawat}: the patient has left, the visit was cancelled")
        return
    await clinic.treat(visit)
    say(f"{visit.no_rawat}: examined, {visit.case.diagnosis}, {len(visit.case.drugs)} drugs handed out")
    if nth % DELETED_NTH == 0:
        await asyncio.sleep(3 * PAUSE_SECONDS)
        await clinic.delete(visit)
        say(f"{visit.no_rawat}: the visit was entered by mistake and is deleted")
    elif nth % SHORTENED_NTH == 0:
        await asyncio.sleep(3 * PAUSE_SECONDS)
        await clinic.delete_drug(visit, visit.case.drugs[-1][0])
        say(f"{visit.no_rawat}: a line of the prescription was deleted")
    elif nth % CORRECTED_NTH == 0:
        await asyncio.sleep(3 * PAUSE_SECONDS)
        await clinic.correct_diagnosis(visit, CORRECTED if visit.case.diagnosis != CORRECTED else WRONG)
        say(f"{visit.no_rawat}: the doctor has corrected the diagnosis")
