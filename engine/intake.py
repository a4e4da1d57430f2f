"""The door in: records are checked, stored with their deliveries, and only then the bell is rung."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema_rs
from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Problem
from engine import codes
from engine.actors import Bell
from engine.catalog import Catalog
from engine.context import context
from engine.database import Database
from engine.errors import NotFound
from engine.facilities import FacilityRow
from engine.filters import local_date
from engine.models import KEY_LENGTH, SEQUENCE_LENGTH, Lane
from engine.outbox.add import Batch, add
from engine.outbox.entries import Entry
from engine.spec import Spec
from engine.storable import content_hash, serialise
from engine.template import TemplateError

NORM_LENGTH = 60
NAME_LENGTH = 200
"""Characters of a patient's name that lists show; the record keeps it whole."""
RECENT = 2
"""Days within which a record counts as today's; what is older is backfill."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that is stored. `outcome` is accepted, changed or unchanged."""

    index: int
    key: str
    id: int
    outcome: str
    warnings: tuple[str, ...] = ()
    """What the upstream will probably refuse; it is sent nevertheless."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not stored, and what is wrong with it where."""

    index: int
    key: str | None
    problems: tuple[Problem, ...]


class Intake:
    """Hands records of one type and facility over to the outbox."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], bell: Bell) -> None:
        self._database = database
        self._catalog = catalog
        self._bell = bell
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    async def hand_in(
        self, facility: FacilityRow, spec_name: str, records: Sequence[Any], lane: Lane | None = None
    ) -> list[Accepted | Refused]:
        """What became of each record, in order; good ones are stored although others are refused.

        Raises NotFound for a type that the catalog does not have.
        """
        spec = self._spec(spec_name)
        results: dict[int, Accepted | Refused] = {}
        entries: dict[int, Entry] = {}
        recent = self._recent(facility)
        for index, record in enumerate(records):
            checked = self._check(spec, facility, record, recent)
            if isinstance(checked, Entry):
                entries[index] = checked if lane is None else replace(checked, lane=lane)
            else:
                results[index] = replace(checked, index=index)
        if entries:
            updatable = spec.update is not None or spec.endpoint is None
            batch = Batch(facility.id, spec.name, spec.upstream.name, updatable)
            added = await add(self._database, batch, list(entries.values()))
            self._bell.ring(spec.name, facility.id)
            warned = await self._warnings(spec, facility, [records[index] for index in entries])
            for (index, entry), (id_, outcome), warnings in zip(entries.items(), added, warned, strict=True):
                results[index] = Accepted(index, entry.key, id_, outcome.value, warnings)
        return [results[index] for index in range(len(records))]

    async def _warnings(self, spec: Spec, facility: FacilityRow, records: Sequence[Any]) -> list[tuple[str, ...]]:
        """Stored is stored: what cannot be looked up is not warned about."""
        if not spec.codes:
            return [()] * len(records)
        try:
            wanted = [codes.named(spec, context(spec, record, facility)) for record in records]
            found = await codes.unknown(self._database, self._catalog(), facility.id, wanted)
        except (TemplateError, SQLAlchemyError, OSError):
            return [()] * len(records)
        return [tuple(str(each) for each in of_record) for of_record in found]

    def _spec(self, name: str) -> Spec:
        specs = self._catalog().specs
        if name in specs:
            return specs[name]
        near = get_close_matches(name, specs, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(specs)}"
        raise NotFound(f"no record type {name!r}; {hint}")

    def _recent(self, facility: FacilityRow) -> str:
        """The first day that still counts as today."""
        now = datetime.fromtimestamp(self._database.clock() / 1000, ZoneInfo(facility.time_zone))
        return (now - timedelta(days=RECENT)).date().isoformat()

    def _check(self, spec: Spec, facility: FacilityRow, record: Any, recent: str) -> Entry | Refused:
        text = serialise(record)
        problems = text if isinstance(text, tuple) else self._problems(spec, record)
        if problems or isinstance(text, tuple):
            return Refused(0, _key_if_any(spec, facility, record), problems)
        scope = context(spec, record, facility)
        try:
            key = _text(spec.key.render(scope))
            date = local_date(_text(spec.date.render(scope)), facility.time_zone)
            norm = _text(spec.patient_norm.render(scope)) if spec.patient_norm else None
            name = _text(spec.patient_name.render(scope)) if spec.patient_name else None
            sequence = _text(spec.sequence.render(scope)) if spec.sequence else None
        except (TemplateError, ValueError) as error:
            return Refused(0, None, (Problem("$", str(error)),))
        if not 0 < len(key) <= KEY_LENGTH:
            return Refused(0, key or None, (Problem("$", f"the key must have 1 to {KEY_LENGTH} characters"),))
        if norm is not None and len(norm) > NORM_LENGTH:
            return Refused(0, key, (Problem("$", f"the patient's norm must have at most {NORM_LENGTH} characters"),))
        if sequence is not None and len(sequence) > SEQUENCE_LENGTH:
            return Refused(0, key, (Problem("$", f"the sequence must have at most {SEQUENCE_LENGTH} characters"),))
        return Entry(
            key=key,
            date=date,
            record=text,
            record_hash=content_hash(record),
            lane=Lane.TODAY if spec.foundation or date >= recent else Lane.BACKFILL,
            patient_norm=norm or None,
            patient_name=name[:NAME_LENGTH] if name else None,
            sequence=sequence or None,
        )

    def _problems(self, spec: Spec, record: Any) -> tuple[Problem, ...]:
        validator = self._validators.get(spec.hash)
        if validator is None:
            validator = jsonschema_rs.Draft202012Validator(dict(spec.record_schema), validate_formats=True)
            self._validators[spec.hash] = validator
        if validator.is_valid(record):
            return ()
        errors = validator.iter_errors(record)
        return tuple(Problem(json_path(error.instance_path), error.message) for error in errors)


def json_path(steps: Sequence[str | int]) -> str:
    """["diagnoses", 0, "code"] -> $.diagnoses[0].code"""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _key_if_any(spec: Spec, facility: FacilityRow, record: Any) -> str | None:
    """So that the HIS recognises its record; a faulty one may not even have a key."""
    if not isinstance(record, dict):
        return None
    try:
        return _text(spec.key.render(context(spec, record, facility))) or None
    except Exception:
        return None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
