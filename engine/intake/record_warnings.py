"""Tells before anything is sent what looks wrong in a record: codes that are in no list, checks that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Problem
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.facilities.facilities import FacilityRow
from engine.intake import code_warnings
from engine.specs import checks
from engine.specs.context import context, facility_mapping
from engine.specs.record_type import Spec
from engine.templates.template import TemplateError


@dataclass(frozen=True, slots=True)
class RecordWarnings:
    """Warnings about a record, as messages for people, and why intake refuses it."""

    codes: tuple[str, ...] = ()  # the upstream will probably refuse the record
    checks: tuple[str, ...] = ()  # the upstream may take the record although it is wrong
    problems: tuple[Problem, ...] = ()  # codes for which the record is refused; they are among `codes` too


async def of_records(
    database: Database, catalog: Catalog, spec: Spec, records: Sequence[Mapping[str, Any]], facility: FacilityRow
) -> list[RecordWarnings]:
    """Return the warnings about each record; none about records that the entry cannot read."""
    if not spec.codes and not any(not check.refuse for check in spec.checks):
        return [RecordWarnings()] * len(records)
    try:
        now, view = database.clock(), facility_mapping(facility)
        scopes = [checks.with_tomorrow(context(spec, record, view), now) for record in records]
        named = [code_warnings.named(spec, scope) for scope in scopes]
        unknown = await code_warnings.unknown(database, catalog, facility.id, named)
        return [
            RecordWarnings(
                tuple(code.warning for code in codes),
                tuple(checks.warnings(spec, scope)),
                # What was handed in by mistake is taken back whatever is in it.
                () if spec.is_withdrawn(record) else tuple(p for code in codes if (p := code.problem) is not None),
            )
            for record, codes, scope in zip(records, unknown, scopes, strict=True)
        ]
    except (TemplateError, SQLAlchemyError, OSError):  # the records are stored all the same
        return [RecordWarnings()] * len(records)
