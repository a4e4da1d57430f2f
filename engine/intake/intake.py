"""Takes submitted records: checks them, stores them with their deliveries, and only then rings the bell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

import jsonschema_rs

from adapters.base import Problem
from engine.actors import Bell
from engine.catalog.catalog import Catalog
from engine.catalog.reading.record_schema import compiled, json_path, message_of
from engine.database.database import Database
from engine.delivery.status import KEY_LENGTH, Lane
from engine.errors import NotFound
from engine.facilities.facilities import FacilityRow
from engine.intake.group_commit import GroupCommit
from engine.intake.receivers import ItemReceiver, Receiver, RecordReceiver, Unacceptable
from engine.json_text import MAX_PROBLEMS, serialise, shortened
from engine.telemetry import tracing
from engine.telemetry.metrics import metrics
from engine.time_slice import TimeSlice

# Records up to this size are checked for all problems: each problem copies the part of the record that it is about.
MAX_FULL_CHECK_CHARACTERS = 32 * 1024
# Total size of the faulty records of a request that are checked in full; of further ones the first problem is reported.
MAX_FULL_CHECKS_CHARACTERS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored record. `outcome` is accepted, changed or unchanged."""

    index: int
    key: str
    id: int
    outcome: str
    warnings: tuple[str, ...] = ()  # parts that the upstream will probably refuse; the record is sent all the same


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not stored, and its problems."""

    index: int
    key: str | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Acceptable:
    """A record that would be stored, with the warnings that it would get."""

    index: int
    key: str
    warnings: tuple[str, ...]


class Intake:
    """Checks and stores the records of one request, which are of one type and facility."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], bell: Bell) -> None:
        self._database = database
        self._group_commit = GroupCommit(database)
        self._catalog = catalog
        self._bell = bell
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    async def hand_in(
        self,
        facility: FacilityRow,
        type_name: str,
        records: Sequence[Any],
        lane: Lane | None = None,
        api_key_id: int | None = None,
    ) -> list[Accepted | Refused]:
        """Store the records; return a result for each, in order. Good ones are stored although others are refused.

        `api_key_id` is that of the key by which they came. Raises NotFound for a type that the catalog does not have.
        """
        receiver, places = self._receiver(facility, type_name, lane, api_key_id), range(len(records))
        results, entries, warnings = await self._checked(receiver, records)
        if entries:
            started = time.perf_counter()
            del records  # a large record is in memory several times while it is stored
            added = await receiver.store(list(entries.values()))
            for (index, entry), (id_, outcome) in zip(entries.items(), added, strict=True):
                results[index] = Accepted(index, entry.key, id_, outcome, warnings[index])
        ordered = [results[index] for index in places]
        outcomes = ("refused" if isinstance(result, Refused) else result.outcome for result in ordered)
        metrics().took_in(facility.code, type_name, outcomes)
        if entries and isinstance(receiver, RecordReceiver):  # the ids of items are not ids of deliveries
            stored = [(result.id, result.outcome) for result in ordered if isinstance(result, Accepted)]
            tracing.taken_in(facility.code, type_name, stored, time.perf_counter() - started)
        return ordered

    async def check(self, facility: FacilityRow, type_name: str, records: Sequence[Any]) -> list[Refused]:
        """Return the refusals of records, without storing any. Raises NotFound."""
        results, _, _ = await self._checked(self._receiver(facility, type_name, None), records)
        return [result for _, result in sorted(results.items()) if isinstance(result, Refused)]

    async def judge(self, facility: FacilityRow, type_name: str, records: Sequence[Any]) -> list[Acceptable | Refused]:
        """Return for each record, in order, what `hand_in` would say of it, without storing any. Raises NotFound."""
        receiver = self._receiver(facility, type_name, None)
        refused, entries, warnings = await self._checked(receiver, records)
        judged: dict[int, Acceptable | Refused] = {
            index: result for index, result in refused.items() if isinstance(result, Refused)
        }
        for index, entry in entries.items():
            judged[index] = Acceptable(index, entry.key, warnings[index])
        return [judged[index] for index in range(len(records))]

    async def adopt(
        self, facility: FacilityRow, type_name: str, records: Sequence[Any], references: Sequence[str], actor: str
    ) -> list[str | Refused | None]:
        """Store records as sent under the upstream's references; return for each its key, None if it was there before.

        Raises NotFound for a type that the catalog does not have, or that is not sent.
        """
        receiver = self._receiver(facility, type_name, None)
        if not isinstance(receiver, RecordReceiver):
            raise NotFound(f"{type_name!r} is not sent, so it has no reference")
        refused, entries, _ = await self._checked(receiver, records)
        named = {entry.key: references[index] for index, entry in entries.items()}
        stored = await receiver.adopt(list(entries.values()), named, actor) if entries else frozenset[str]()
        done = {index: entry.key if entry.key in stored else None for index, entry in entries.items()}
        problems = {index: one for index, one in refused.items() if isinstance(one, Refused)}
        return [problems.get(index, done.get(index)) for index in range(len(records))]

    async def _checked(
        self, receiver: Receiver[Any], records: Sequence[Any]
    ) -> tuple[dict[int, Accepted | Refused], dict[int, Any], dict[int, tuple[str, ...]]]:
        """Return the refusals, and the entries of the other records and their warnings, by their index."""
        results: dict[int, Accepted | Refused] = {}
        entries: dict[int, Any] = {}
        time_slice, full_checks = TimeSlice(), MAX_FULL_CHECKS_CHARACTERS
        for index, record in enumerate(records):
            await time_slice.pause()
            text = serialise(record)
            if isinstance(text, tuple):
                results[index] = _refused(index, _key_if_any(receiver, record), text)
                continue
            await time_slice.pause()
            in_full = len(text) <= min(MAX_FULL_CHECK_CHARACTERS, full_checks)
            if problems := self._problems(receiver, record, in_full):
                full_checks -= len(text) if in_full else 0
                results[index] = _refused(index, _key_if_any(receiver, record), problems)
                continue
            await time_slice.pause()
            try:
                entries[index] = receiver.read(record, text)
            except Unacceptable as error:
                results[index] = _refused(index, error.key, error.problems)
        warnings = {}
        read = list(entries)
        for index, found in zip(read, await receiver.look_up([records[index] for index in read]), strict=True):
            if found.problems:
                results[index] = _refused(index, entries.pop(index).key, found.problems)
            else:
                warnings[index] = (*found.codes, *found.checks)
        return results, entries, warnings

    def _receiver(
        self, facility: FacilityRow, name: str, lane: Lane | None, api_key_id: int | None = None
    ) -> Receiver[Any]:
        catalog = self._catalog()
        if name in catalog.specs:
            spec = catalog.specs[name]
            return RecordReceiver(
                self._database, self._group_commit, catalog, self._bell, facility, spec, lane, api_key_id
            )
        items = catalog.items
        if name in items:
            return ItemReceiver(self._database, facility, items[name])
        names = [*catalog.specs, *items]
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise NotFound(f"no record type {name!r}; {hint}")

    def _problems(self, receiver: Receiver[Any], record: Any, in_full: bool) -> tuple[Problem, ...]:
        """Return the problems that the schema finds: up to MAX_PROBLEMS if `in_full`, else only the first."""
        validator = self._validators.get(receiver.hash)
        if validator is None:
            validator = self._validators[receiver.hash] = compiled(receiver.schema)
        if validator.is_valid(record):
            return ()
        if in_full:
            # iter_errors is not lazy: it makes all problems, each with a copy of its part of the record, at once.
            return tuple(_problem(error) for error in islice(validator.iter_errors(record), MAX_PROBLEMS))
        try:
            validator.validate(record)
        except jsonschema_rs.ValidationError as error:
            return (_problem(error),)
        return ()


def _problem(error: jsonschema_rs.ValidationError) -> Problem:
    value = next(iter(error.kind.as_dict().values()), "")
    limit = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Problem(json_path(error.instance_path), message_of(error), error.kind.name, limit)


def _refused(index: int, key: str | None, problems: Sequence[Problem]) -> Refused:
    """Return a refusal whose size is bounded, however large the record is."""
    short = (
        Problem(
            shortened(problem.path), shortened(problem.message), problem.rule, shortened(problem.limit), problem.both
        )
        for problem in problems
    )
    return Refused(index, key and key[:KEY_LENGTH], tuple(short))


def _key_if_any(receiver: Receiver[Any], record: Any) -> str | None:
    """Return the key of a faulty record, None if it has none."""
    if not isinstance(record, dict):
        return None
    try:
        return receiver.key(record)
    except Exception:
        return None
