"""Warns before anything is sent about codes of a record that are not in their code list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from adapters.messages import Value, message
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Statement
from engine.specs.record_type import Spec

Named = tuple[str, str]  # (code list, key of its row)


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code that the copy of a list does not have; `gone`: an earlier copy had it."""

    name: str
    code: str
    group: Value  # of the code list
    list: Value  # its label
    gone: bool

    @property
    def warning(self) -> str:
        """Return the message for people."""
        values = {"name": self.name, "code": self.code, "group": self.group, "list": self.list}
        return message("code.gone", **values) if self.gone else message("code.absent", **values)


def named(spec: Spec, scope: Mapping[str, Any]) -> list[tuple[str, Named]]:
    """Return (name, code) of the codes of a record; raises TemplateError."""
    codes = []
    for code in spec.codes:
        for item in [None] if code.each is None else code.each.render(scope) or ():
            key = code.key.render(scope if code.each is None else {**scope, "item": item})
            if key not in (None, ""):
                codes.append((code.name, (code.list, str(key))))
    return codes


async def unknown(
    database: Database, catalog: Catalog, facility_id: int, records: Sequence[Iterable[tuple[str, Named]]]
) -> list[tuple[UnknownCode, ...]]:
    """Return the unknown codes of each record, given its (name, code); lists that were never read are skipped."""
    codes = sorted({code for record in records for _, code in record})
    if not codes:
        return [()] * len(records)
    rows = await database.fetch(_LOOK_UP, {"facility": facility_id, "rows": codes})
    gone = {(row.list, row.key): row.gone_at is not None for row in rows}

    def warning(name: str, code: Named) -> UnknownCode:
        code_list = catalog.code_lists[code[0]]
        return UnknownCode(name, code[1], code_list.group, code_list.label, gone[code])

    return [tuple(warning(name, code) for name, code in record if code in gone) for record in records]


class _MissingCode(NamedTuple):
    """A code that the copy of its list does not have; `gone_at` is None if no copy had it."""

    list: str
    key: str
    gone_at: int | None


_LOOK_UP = Statement(
    """
SELECT v.list, v.key, c.gone_at FROM {rows} AS v
LEFT JOIN code_rows AS c ON c.facility_id IN (:facility, 0) AND c.list = v.list AND c.key = v.key
WHERE (c.key IS NULL OR c.gone_at IS NOT NULL)
  AND EXISTS (SELECT 1 FROM code_rows AS r WHERE r.facility_id IN (:facility, 0) AND r.list = v.list)
""",
    _MissingCode,
    rows="list text, key text",
)
