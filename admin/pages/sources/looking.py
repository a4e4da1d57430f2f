"""A look at a clinic's database on behalf of a page: its credentials, its time limit, and its faults in words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from adapters.his_database.contract import Credentials
from adapters.his_database.faults import FaultKind, HisFault
from adapters.messages import message
from admin.pages.sources.opened import OpenSource
from admin.pages.sources.slots import WHOLE_SECONDS, LookSlots, NoSlot
from admin.text.words import say, sentence
from engine.errors import VaultError, place_of
from engine.facilities.facilities import credentials

T = TypeVar("T")
log = structlog.get_logger(__name__)

# Faults that are mended in the credentials, whose form the page then offers.
OF_CREDENTIALS = {FaultKind.AWAY, FaultKind.ENTRY, FaultKind.REFUSED, FaultKind.DATABASE}


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """The result of a look, or why there is none; `busy`: no slot was free, so try again soon."""

    result: T | None
    problem: str = ""
    busy: bool = False
    of_credentials: bool = False


async def look(opened: OpenSource, slots: LookSlots, work: Callable[[Credentials], Awaitable[T]]) -> Look[T]:
    """Do the work with the clinic's credentials, within the time limit."""
    hub, source = opened.hub, opened.source
    try:
        entered = await credentials(hub.database, hub.vault, opened.facility.id, source.account)
    except VaultError:
        return Look(None, sentence(message("source.sealed")), of_credentials=True)
    if not entered.get("database"):
        return Look(None, sentence(message("source.no_credentials", source=source.label)), of_credentials=True)
    try:
        async with slots.one(), asyncio.timeout(WHOLE_SECONDS):
            return Look(await work(entered))
    except NoSlot:
        return Look(None, say("sources.busy"), busy=True)
    except TimeoutError:
        return Look(None, say("sources.too_long", seconds=int(WHOLE_SECONDS)))
    except HisFault as error:
        return Look(None, sentence(str(error)), of_credentials=error.kind in OF_CREDENTIALS)
    except Exception as error:  # a driver's surprise: the page says so instead of waiting for ever
        log.warning("look_broke", source=source.name, **place_of(error))
        return Look(None, say("sources.broke"))
