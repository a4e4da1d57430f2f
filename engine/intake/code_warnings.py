"""Looks the codes of records up in their code lists: what a list does not have is warned about, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from adapters.base import Problem
from adapters.messages import message
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Statement
from engine.intake.listed_codes import ListedCode, Neighbourhood, neighbourhoods
from engine.specs.code_list import CodeList
from engine.specs.record_type import Code, Spec


class NamedCode(NamedTuple):
    """A code that a record names. `at` is its JSON path if it is refused where its list does not have it."""

    name: str
    list: str
    key: str
    at: str | None


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code that the copy of its list does not have; `gone`: an earlier copy had it.

    `around` is set for a code that may be refused: what the list has in its place.
    """

    code: NamedCode
    list: CodeList
    gone: bool
    around: Neighbourhood | None

    @property
    def warning(self) -> str:
        """Return the message for people."""
        name, key, group, label = self.code.name, self.code.key, self.list.group, self.list.label
        if self.gone:
            return message("code.gone", name=name, code=key, group=group, list=label)
        return message("code.absent", name=name, code=key, group=group, list=label)

    @property
    def fault(self) -> str:
        """Return the message for a person who sees which code is meant."""
        return message("code.unlisted", code=self.code.key, group=self.list.group, list=self.list.label)

    @property
    def problem(self) -> Problem | None:
        """Return why the record is refused; None if it is only warned about."""
        if self.around is None or not self.around.trusted:
            return None
        words = f"{self.code.key!r} is not in {self.list.group.en}, {self.list.label.en}{self.around.words}"
        return Problem(f"$.{self.code.at}", words, "code")


def named(spec: Spec, scope: Mapping[str, Any]) -> list[NamedCode]:
    """Return the codes that a record names; raises TemplateError."""
    return [named_code for code in spec.codes for named_code in _named(code, scope)]


def _named(code: Code, scope: Mapping[str, Any]) -> Iterator[NamedCode]:
    items = [None] if code.each is None else code.each.render(scope) or ()
    for index, item in enumerate(items):
        seen = scope if code.each is None else {**scope, "item": item, "index": index}
        key = code.key.render(seen)
        if key not in (None, ""):
            at = None if code.refuse_at is None else str(code.refuse_at.render(seen))
            yield NamedCode(code.name, code.list, str(key), at)


async def unknown(
    database: Database, catalog: Catalog, facility_id: int, records: Sequence[Iterable[NamedCode]]
) -> list[tuple[UnknownCode, ...]]:
    """Return the unknown codes of each record, given those that it names; lists that were never read are skipped."""
    codes = sorted({(code.list, code.key) for record in records for code in record})
    if not codes:
        return [()] * len(records)
    rows = await database.fetch(_LOOK_UP, {"facility": facility_id, "rows": codes})
    gone = {(row.list, row.key): row.gone_at is not None for row in rows}
    refusable = {
        ListedCode(code.list, code.key)
        for record in records
        for code in record
        if code.at is not None and gone.get((code.list, code.key)) is False
    }
    around = await neighbourhoods(database, catalog, facility_id, refusable) if refusable else {}

    def judged(code: NamedCode) -> UnknownCode | None:
        is_gone = gone.get((code.list, code.key))
        place = around.get(ListedCode(code.list, code.key)) if code.at is not None and is_gone is False else None
        # Where the list knows nothing of the parent, it says nothing about the code.
        if is_gone is None or (place is not None and not place.has_others):
            return None
        return UnknownCode(code, catalog.code_lists[code.list], is_gone, place)

    return [tuple(found for code in record if (found := judged(code)) is not None) for record in records]


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
