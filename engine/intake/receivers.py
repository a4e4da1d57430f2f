"""Reads and stores submitted data: records become deliveries, catalogue items wait for a code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from adapters.base import Problem
from engine.actors import Bell
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.delivery.status import KEY_LENGTH, SEQUENCE_LENGTH, Lane
from engine.delivery.types import NewRecord
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow
from engine.failpoints import failpoint
from engine.intake import record_warnings
from engine.intake.group_commit import GroupCommit
from engine.intake.record_warnings import RecordWarnings
from engine.json_text import content_hash
from engine.mapping import items
from engine.mapping.items import ItemEntry
from engine.outbox.add import Batch
from engine.outbox.adoption.adopt import adopt
from engine.specs.checks import refusals, with_tomorrow
from engine.specs.context import context, facility_mapping
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Spec
from engine.templates.filters import local_date
from engine.templates.template import TemplateError

NORM_LENGTH = 60
NAME_LENGTH = 200  # characters of a patient's name that lists show; the record keeps the whole name
RECENT_DAYS = 2  # within which a record goes into today's lane; older ones go into the backfill lane


E = TypeVar("E")


class Unacceptable(AntarError):
    """Raised for a record that satisfies the schema and cannot be stored.

    `key` is the record's if it has one; `rule` names the rule, for a message in other words. `problems` are those of
    parts of the record; without them the message is about the whole.
    """

    def __init__(self, message: str, key: str | None = None, rule: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.key = key
        self.problems = tuple(problems) or (Problem("$", message, rule),)


class Receiver(Protocol[E]):
    """Reads and stores the records of one type and facility."""

    hash: str  # changes with the schema
    schema: Mapping[str, Any]

    def key(self, record: Any) -> str | None:
        """Return the key by which the HIS recognises its record; raises any error of the template."""

    def read(self, record: Any, text: str) -> E:
        """Return the entry of a record that satisfies the schema; `text` is its JSON. Raises Unacceptable."""

    async def store(self, entries: Sequence[E]) -> list[tuple[int, str]]:
        """Store all; return the id and the outcome of each."""

    async def look_up(self, records: Sequence[Any]) -> list[RecordWarnings]:
        """Return warnings and refusals for each of the records that `read` has read."""


class RecordReceiver:
    """Receives records that are delivered to an upstream."""

    def __init__(
        self,
        database: Database,
        group_commit: GroupCommit,
        catalog: Catalog,
        bell: Bell,
        facility: FacilityRow,
        spec: Spec,
        lane: Lane | None,
        api_key_id: int | None = None,
    ) -> None:
        self.hash, self.schema = spec.hash, spec.record_schema
        self._database, self._group_commit, self._catalog, self._bell = database, group_commit, catalog, bell
        self._facility, self._spec, self._lane, self._api_key_id = facility, spec, lane, api_key_id
        self._facility_view = facility_mapping(facility)
        now = facility.local(database.clock())
        self._today = now.date().isoformat()
        self._recent = (now - timedelta(days=RECENT_DAYS)).date().isoformat()

    def key(self, record: Any) -> str | None:
        return as_text(self._spec.key.render(context(self._spec, record, self._facility_view))) or None

    def read(self, record: Any, text: str) -> NewRecord:
        spec, scope = self._spec, context(self._spec, record, self._facility_view)
        try:
            key = as_text(spec.key.render(scope))
            date = self._date(spec.date.render(scope))
            norm = as_text(spec.patient_norm.render(scope)) if spec.patient_norm else None
            name = as_text(spec.patient_name.render(scope)) if spec.patient_name else None
            sequence = as_text(spec.sequence.render(scope)) if spec.sequence else None
            problems = refusals(spec, with_tomorrow(scope, self._database.clock()))
        except (TemplateError, ValueError) as error:
            raise Unacceptable(str(error)) from error
        _check_key(key)
        if problems:
            raise Unacceptable("refused by its checks", key, problems=problems)
        if norm is not None and len(norm) > NORM_LENGTH:
            raise Unacceptable(f"the patient's norm must have at most {NORM_LENGTH} characters", key)
        if sequence is not None and len(sequence) > SEQUENCE_LENGTH:
            raise Unacceptable(f"the sequence must have at most {SEQUENCE_LENGTH} characters", key)
        today = Lane.TODAY if spec.foundation or date >= self._recent else Lane.BACKFILL
        return NewRecord(
            key=key,
            date=date,
            record=text,
            record_hash=content_hash(record),
            lane=today if self._lane is None else self._lane,
            patient_norm=norm or None,
            patient_name=name[:NAME_LENGTH] if name else None,
            sequence=sequence or None,
            withdrawn=spec.is_withdrawn(record),
            api_key_id=self._api_key_id,
        )

    def _date(self, value: Any) -> str:
        """Return the day of a record; today if it names none."""
        date: str = self._today if value is None else local_date(as_text(value), self._facility.time_zone)
        return date

    async def store(self, entries: Sequence[NewRecord]) -> list[tuple[int, str]]:
        spec = self._spec
        added = await self._group_commit.add(self._batch, entries)
        failpoint("stored")
        self._bell.ring(spec.name, self._facility.id)
        return [(id_, outcome.value) for id_, outcome in added]

    async def adopt(self, entries: Sequence[NewRecord], references: Mapping[str, str], actor: str) -> frozenset[str]:
        """Store new records as sent under their references; return the keys of those that were new."""
        return (await adopt(self._database, self._batch, entries, references, actor)).keys

    @property
    def _batch(self) -> Batch:
        spec = self._spec
        updatable = spec.update is not None or spec.endpoint is None
        return Batch(self._facility.id, spec.name, spec.upstream.name, updatable)

    async def look_up(self, records: Sequence[Any]) -> list[RecordWarnings]:
        return await record_warnings.of_records(self._database, self._catalog, self._spec, records, self._facility)


class ItemReceiver:
    """Receives items that are mapped to a code."""

    def __init__(self, database: Database, facility: FacilityRow, mapping: MappingSpec) -> None:
        self.hash, self.schema = mapping.hash, mapping.record_schema
        self._database, self._facility, self._mapping = database, facility, mapping

    def key(self, record: Any) -> str | None:
        return as_text(self._mapping.key.render(self._mapping.scope(record, self._facility))) or None

    def read(self, record: Any, text: str) -> ItemEntry:
        try:
            entry = items.entry_of(self._mapping, self._facility, record, text)
        except TemplateError as error:
            raise Unacceptable(str(error)) from error
        _check_key(entry.key)
        if not entry.name.strip():
            raise Unacceptable("the name is empty", entry.key, "name")
        return entry

    async def store(self, entries: Sequence[ItemEntry]) -> list[tuple[int, str]]:
        added = await items.add(self._database, self._mapping, self._facility.id, entries)
        return [(id_, outcome.value) for id_, outcome in added]

    async def look_up(self, records: Sequence[Any]) -> list[RecordWarnings]:
        return [RecordWarnings()] * len(records)


def as_text(value: Any) -> str:
    """Return a value as text; None is an empty text."""
    return "" if value is None else str(value)


def _check_key(key: str) -> None:
    if not 0 < len(key) <= KEY_LENGTH:
        raise Unacceptable(f"the key must have 1 to {KEY_LENGTH} characters", key or None, "key")
