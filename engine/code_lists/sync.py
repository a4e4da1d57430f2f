"""Synchronises code lists by schedule, when their file has changed and on request; any worker can resume a read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from adapters.base import Account, Upstream
from adapters.messages import message
from engine.catalog.catalog import Catalog
from engine.code_lists import copies, synchronisations
from engine.code_lists.plan import PlannedList, ReadingPlan
from engine.code_lists.probe import ListProbe
from engine.code_lists.reader import ListReader, Place, Sleep, read_file
from engine.code_lists.schedule import (
    NEVER,
    LastRead,
    LastReads,
    ListKey,
    last_reads,
    postpone,
    read_again,
    retry_at,
)
from engine.code_lists.synchronisations import SyncLease
from engine.database.database import Database, FollowUp
from engine.errors import AntarError
from engine.facilities.cache import FacilityCache
from engine.facilities.credentials import Accounts
from engine.facilities.facilities import FacilityRow
from engine.specs.code_list import SHARED, CodeList, CodeListRow, NotAsked, NotReadable, Reads

SCHEDULE = message("actor.schedule")  # actor of a synchronisation that no person requested
SOURCE_PAUSE_MS = 2_000  # pause of a list that is read for each row of another list which is not there yet


# Returns the updates to run in the transaction that stores a new copy of a list (name, owner).
AfterCopy = Callable[[str, int], Sequence[FollowUp]]


class WaitsForSource(AntarError):
    """A list is read for each row of another list, and that list is being read."""


log = structlog.get_logger(__name__)


class Synchroniser:
    """Reads code lists in one worker; a lease keeps two workers from reading the same list of a facility at once."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        accounts: Accounts,
        facilities: FacilityCache,
        upstream: Callable[[str], Upstream],
        after_copy: AfterCopy,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._accounts = accounts
        self._facilities = facilities
        self._plan = ReadingPlan(database, catalog, facilities)
        self._upstream = upstream
        self._after_copy = after_copy
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._probe = ListProbe(database)

    async def tick(self) -> None:
        """Begin due synchronisations and read until none is left; upstreams are read in parallel."""
        lists: dict[str, list[CodeList]] = {}
        for code_list in self._catalog().code_lists.values():
            lists.setdefault(code_list.upstream.name, []).append(code_list)
        async with asyncio.TaskGroup() as upstreams:
            for of_upstream in lists.values():
                upstreams.create_task(self._read_upstream(of_upstream))
        if lists:
            await self._read_all()

    async def read(self, lease: SyncLease) -> None:
        """Continue a synchronisation to its end; the old copy stays if that fails."""
        try:
            reached = await self._read(lease)
            if reached is not None:
                await synchronisations.finish(self._database, reached, self._after_copy(lease.list, lease.facility_id))
        except WaitsForSource:
            await postpone(self._database, lease.id, self._database.clock() + SOURCE_PAUSE_MS)
        except NotAsked as error:
            await synchronisations.fail(self._database, lease, str(error), retry_at=error.until, tried=False)
        except AntarError as error:
            log.warning("list_not_read", list=lease.list, facility=lease.facility_id)
            again = retry_at(self._database.clock(), lease.tries + 1, self._rng)
            await synchronisations.fail(self._database, lease, str(error), retry_at=again)
        except asyncio.CancelledError:
            await synchronisations.release(self._database, lease)
            raise

    async def one(self, code_list: CodeList, facility: FacilityRow, key: str) -> CodeListRow | None:
        """Read a single row that the copy does not have, and store it there. Raises AntarError."""
        row = await (await self._place(code_list, [facility])).one(key)
        if row is not None:
            await copies.add_row(self._database, code_list.owner(facility.id), code_list.name, row)
        return row

    async def _read_upstream(self, lists: Sequence[CodeList]) -> None:
        """Read the lists of an upstream in sequence, each at most once; dependent lists follow their source at once."""
        begun: set[ListKey] = set()
        anything = True
        while anything:
            await self._begin_due(lists, begun)
            anything = await self._read_all([code_list.name for code_list in lists])

    async def _read_all(self, lists: Collection[str] | None = None) -> bool:
        """Read all running synchronisations; False if there was none.

        Without `lists` the leftovers are read too, such as those of lists that are no longer declared.
        """
        anything = False
        while (lease := await synchronisations.lease_next(self._database, lists)) is not None:
            anything = True
            await self.read(lease)
            self._plan.forget(lease.facility_id, lease.list)
        return anything

    async def _read(self, lease: SyncLease) -> SyncLease | None:
        """Read the remaining pages and return the lease with its new position; None if another worker has it now."""
        code_list = self._catalog().code_lists.get(lease.list)
        if code_list is None:
            raise NotReadable(message("list.undeclared"))
        if isinstance(code_list.source, Path):
            return await read_file(self._database, lease, code_list, code_list.source)
        facilities = (await self._facilities.all()).values()
        place = await self._place(code_list, [row for row in facilities if lease.facility_id in (SHARED, row.id)])
        items = await self._items(lease, code_list.source, place.facility)
        reader = ListReader(self._database, lease, place, code_list.source, items)
        async with self._probe.through(place) as answered:
            return reader.lease if await reader.run(answered) else None

    async def _begin_due(self, lists: Sequence[CodeList], begun: set[ListKey]) -> None:
        """Begin the synchronisations that are due and not in `begun`, and add them to it."""
        due = [planned for planned in await self._plan.due(lists) if planned.key not in begun]
        keys = {key for planned in due for key in (planned.key, self._source_key(planned)) if key is not None}
        last = dict(await last_reads(self._database, sorted(keys))) if keys else {}
        for planned in due:
            key, now = planned.key, self._database.clock()
            at = self._plan.due_at(planned, last.get(key))
            if at <= now and self._waits(planned, last):
                at = now + SOURCE_PAUSE_MS
            elif at <= now and not await self._may_be_read(planned):
                at = NEVER  # until credentials are entered
            elif at <= now:
                begun.add(key)
                await self._begin(planned, last.get(key))
                last |= await last_reads(self._database, [key])
                at = NEVER  # until it was read
            self._plan.set(planned, at)

    async def _begin(self, planned: PlannedList, last: LastRead | None) -> None:
        if last is not None and last.state == "failed":
            await read_again(self._database, last)
        else:
            await synchronisations.ask(self._database, planned.code_list, planned.facilities[0].id, SCHEDULE)

    def _source_key(self, planned: PlannedList) -> ListKey | None:
        """Return the key of the list for whose rows this list is read, if there is one."""
        if planned.code_list.read_for is None:
            return None
        source = self._catalog().code_lists[planned.code_list.read_for]
        return source.owner(planned.facilities[0].id), source.name

    def _waits(self, planned: PlannedList, last: LastReads) -> bool:
        """Return whether the list must wait for its source list, which is being read or was never read."""
        key = self._source_key(planned)
        row = None if key is None else last.get(key)
        return row is not None and (row.state == "running" or row.read_at is None)

    async def _may_be_read(self, planned: PlannedList) -> bool:
        if isinstance(planned.code_list.source, Path):
            return True
        upstream = planned.code_list.upstream
        accounts = [await self._accounts.get(facility.id, upstream) for facility in planned.facilities]
        return any(isinstance(account, Account) for account in accounts)

    async def _place(self, code_list: CodeList, facilities: list[FacilityRow]) -> Place:
        """Return the place with the account of the first facility that has one; raises NotReadable."""
        missing = message("list.no_clinic")
        for facility in facilities:
            account = await self._accounts.get(facility.id, code_list.upstream, fresh=True)
            if isinstance(account, Account):
                return Place(code_list, facility, self._upstream(code_list.upstream.name), account, self._sleep)
            missing = account.reason
        raise NotReadable(missing)

    async def _items(self, lease: SyncLease, reads: Reads, facility: FacilityRow) -> list[Any]:
        """Return the items over which the reads are repeated. Raises WaitsForSource and NotAsked."""
        over = reads.each
        if over.list is not None:
            source = self._catalog().code_lists[over.list]
            if not (lease.done or lease.offset):
                await self._expect(source, facility)
            return list(await copies.rows_of(self._database, source.owner(facility.id), over.list))
        if over.days:
            today = facility.local(self._database.clock()).date()
            return [(today + timedelta(days=n)).isoformat() for n in range(over.days)]
        return list(over.values) or [None]

    async def _expect(self, source: CodeList, facility: FacilityRow) -> None:
        """Return if the source's copy is complete, else raise WaitsForSource or NotAsked; request its first read."""
        key = (source.owner(facility.id), source.name)
        last = (await last_reads(self._database, [key])).get(key)
        if last is None:
            await synchronisations.ask(self._database, source, facility.id, SCHEDULE)
        if last is None or last.state == "running":
            raise WaitsForSource(source.label)
        if last.read_at is None:
            until = max(last.retry_at or 0, self._database.clock()) + SOURCE_PAUSE_MS
            raise NotAsked(message("list.waits_for_source", source=source.label), until)
