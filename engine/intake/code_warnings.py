"""Warnings before anything is sent: codes of a record that its code list does not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from engine.catalog.catalog import Catalog
from engine.database.database import Database, as_json
from engine.facilities.facilities import FacilityRow
from engine.specs.context import context
from engine.specs.record_type import Spec
from engine.templates.template import TemplateError

Named = tuple[str, str]  # (code list, key of its row)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A code that the copy of a list does not have; `gone`: it had it once."""

    name: str
    code: str
    list: str
    gone: bool

    def __str__(self) -> str:
        since = "tidak berlaku lagi" if self.gone else "tidak ada"
        return f"{self.name}: kode {self.code!r} {since} di {self.list}"


def named(spec: Spec, scope: Mapping[str, Any]) -> list[tuple[str, Named]]:
    """(name, code) of the codes of a record; raises TemplateError."""
    found = []
    for code in spec.codes:
        for item in [None] if code.each is None else code.each.render(scope) or ():
            key = code.key.render(scope if code.each is None else {**scope, "item": item})
            if key not in (None, ""):
                found.append((code.name, (code.list, str(key))))
    return found


async def of_record(
    database: Database, catalog: Catalog, spec: Spec, record: Mapping[str, Any], facility: FacilityRow
) -> tuple[Unknown, ...]:
    """What the lists do not have of one record; nothing where that cannot be told."""
    try:
        wanted = named(spec, context(spec, record, facility))
    except TemplateError:  # a record that an older entry took
        return ()
    [found] = await unknown(database, catalog, facility.id, [wanted])
    return found


async def unknown(
    database: Database, catalog: Catalog, facility_id: int, wanted: Sequence[Iterable[tuple[str, Named]]]
) -> list[tuple[Unknown, ...]]:
    """For each record what its lists do not have. Of a list that was never read nothing is said."""
    rows = sorted({code for codes in wanted for _, code in codes})
    if not rows:
        return [()] * len(wanted)
    parameters = {"facility": facility_id, "rows": as_json(rows)}
    found = await database.fetch(text(_LOOK_UP % database.rows({"list": "text", "key": "text"}, "rows")), parameters)
    absent = {(row.list, row.key): row.gone_at is not None for row in found}

    def told(name: str, code: Named) -> Unknown:
        code_list = catalog.code_lists[code[0]]
        return Unknown(name, code[1], f"{code_list.group}, {code_list.label}", absent[code])

    return [tuple(told(name, code) for name, code in codes if code in absent) for codes in wanted]


_LOOK_UP = """
SELECT v.list, v.key, c.gone_at FROM %s AS v
LEFT JOIN code_rows AS c ON c.facility_id IN (:facility, 0) AND c.list = v.list AND c.key = v.key
WHERE (c.key IS NULL OR c.gone_at IS NOT NULL)
  AND EXISTS (SELECT 1 FROM code_rows AS r WHERE r.facility_id IN (:facility, 0) AND r.list = v.list)
"""
