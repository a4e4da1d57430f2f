"""Searches a code list as people type, suggests codes for an item, and compares a code with an item part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from engine.code_lists.copies import ROWS_OF_KEYS, CopyRow
from engine.code_lists.sync import Synchroniser
from engine.database.database import Database
from engine.database.statements import Statement
from engine.facilities.facilities import FacilityRow
from engine.mapping.queries import ListedItem
from engine.matching.index import Document, Index
from engine.matching.names import Names
from engine.matching.parts import Compared, Part, Terms
from engine.matching.suggest import Suggestion, beside, only_exact, suggest
from engine.matching.vocabulary import Vocabulary
from engine.specs.mapping import MappingSpec, PartSpec
from engine.specs.record_type import fits
from engine.time_slice import TimeSlice

MIN_SCORE_RATIO = 0.65  # of the best suggestion's score; codes below it are not suggested
MAX_CANDIDATES = 60  # codes that are compared with an item, chosen by their words
MAX_CACHED_ITEMS = 2_000  # items of which the exact code is remembered


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """A code with the columns of its row in the code list; `gone`: the code is withdrawn."""

    code: str
    name: str
    row: Mapping[str, Any]
    gone: bool
    choosable: bool


@dataclass(frozen=True, slots=True)
class Suggested:
    """A code suggested for an item, and the comparison of the two."""

    match: CodeMatch
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """Search index of a code list, built after one of its synchronisations (`version`)."""

    version: int
    index: Index
    vocabulary: Vocabulary
    parts: tuple[Part, ...]
    # (facility, name, record) of an item -> its exact code
    exact: dict[tuple[int, str, str], Suggested | None] = field(default_factory=dict)


class CodeSearch:
    """Search indexes of this process. They are kept in memory and rebuilt when their code list has been read again."""

    def __init__(self, database: Database, synchroniser: Synchroniser) -> None:
        self._database = database
        self._synchroniser = synchroniser
        self._ready: dict[tuple[int, str], SearchIndex] = {}
        self._building: dict[tuple[int, str], asyncio.Task[SearchIndex]] = {}

    async def search(self, mapping: MappingSpec, facility_id: int, query: str, limit: int = 20) -> list[CodeMatch]:
        """Return codes that match the typed text, best first; an exact code is included even if it cannot be chosen."""
        ready = await self.ready(mapping, facility_id)
        keys = [hit.key for hit in ready.index.search(query, limit)]
        typed = query.strip()
        rows = await self._rows(mapping, facility_id, {*keys, typed})
        first = [typed] if typed in rows and typed not in keys else []
        return [rows[key] for key in [*first, *keys] if key in rows][:limit]

    async def suggest(
        self, mapping: MappingSpec, facility: FacilityRow, item: ListedItem, limit: int = 8
    ) -> list[Suggested]:
        """Return the most likely codes for an item, best first."""
        ready = await self.ready(mapping, facility.id)
        ours = mapping.ours(orjson.loads(item.record), facility)
        matches = await self._candidates(mapping, facility, ready, item.name, ours)
        candidates = {key: mapping.theirs(match.row) for key, match in matches.items()}
        ranked = suggest(ready.parts, ours, candidates, ready.vocabulary, limit)
        best = max((suggestion.score for suggestion in ranked), default=0.0)
        return [
            Suggested(matches[suggestion.key], suggestion)
            for suggestion in ranked
            if suggestion.score > MIN_SCORE_RATIO * best
        ]

    async def exact(
        self, mapping: MappingSpec, facility: FacilityRow, items: Iterable[ListedItem]
    ) -> dict[int, Suggested]:
        """Return item id -> the only code that agrees with the item as `bulk` of the mapping demands."""
        ready, time_slice = await self.ready(mapping, facility.id), TimeSlice()
        exact = {}
        for item in items:
            key = facility.id, item.name, item.record
            if key not in ready.exact:
                if len(ready.exact) >= MAX_CACHED_ITEMS:
                    ready.exact.clear()
                ready.exact[key] = await self._only_exact(mapping, facility, ready, item)
                await time_slice.pause()
            exact[item.id] = ready.exact[key]
        return {id_: suggested for id_, suggested in exact.items() if suggested is not None}

    async def _only_exact(
        self, mapping: MappingSpec, facility: FacilityRow, ready: SearchIndex, item: ListedItem
    ) -> Suggested | None:
        if not mapping.bulk:
            return None
        ours = mapping.ours(orjson.loads(item.record), facility)
        matches = await self._candidates(mapping, facility, ready, item.name, ours)
        candidates = {key: mapping.theirs(match.row) for key, match in matches.items() if match.choosable}
        suggestion = only_exact(ready.parts, ours, candidates, ready.vocabulary, mapping.bulk)
        return None if suggestion is None else Suggested(matches[suggestion.key], suggestion)

    async def _candidates(
        self,
        mapping: MappingSpec,
        facility: FacilityRow,
        ready: SearchIndex,
        name: str,
        ours: Mapping[str, Any],
    ) -> dict[str, CodeMatch]:
        """Return the codes that the words of the item find: those of its name, of each part, and of all parts."""
        parts = [" ".join(_texts(text)) for text in ours.values()]
        queries = dict.fromkeys([name, *parts, " ".join(parts)])
        hits = dict.fromkeys(hit.key for query in queries for hit in ready.index.search(query, MAX_CANDIDATES))
        matches = await self._rows(mapping, facility.id, hits)
        return {key: matches[key] for key in hits if key in matches}

    async def compare(
        self, mapping: MappingSpec, facility: FacilityRow, item: ListedItem, code: str
    ) -> Suggested | None:
        """Compare a code with an item; None if the code does not exist. Raises AntarError if nobody can say."""
        match = await self.detail(mapping, facility, code)
        if match is None:
            return None
        ready = await self.ready(mapping, facility.id)
        ours, theirs = mapping.ours(orjson.loads(item.record), facility), mapping.theirs(match.row)
        return Suggested(match, beside(code, ready.parts, ours, theirs, ready.vocabulary))

    async def differences(
        self, mapping: MappingSpec, facility: FacilityRow, choices: Iterable[tuple[int, str]]
    ) -> dict[tuple[int, str], tuple[Compared, ...]]:
        """Return, for each (item id, code), the differences that a person must confirm expressly.

        Codes that the local copy does not have are left out.
        """
        names = mapping.names(facility.id) | {"pairs": choices}
        ready = await self.ready(mapping, facility.id)
        differing = {}
        for row in await self._database.fetch(_BESIDE, names):
            ours, theirs = mapping.ours(orjson.loads(row.record), facility), mapping.theirs(orjson.loads(row.content))
            differing[row.id, row.code] = beside(row.code, ready.parts, ours, theirs, ready.vocabulary).vetoes
        return {choice: vetoes for choice, vetoes in differing.items() if vetoes}

    async def detail(self, mapping: MappingSpec, facility: FacilityRow, code: str) -> CodeMatch | None:
        """Return a code, asked from the upstream if the local copy lacks it. Raises AntarError if that fails."""
        rows = await self._rows(mapping, facility.id, {code})
        if code not in rows and await self._synchroniser.one(mapping.catalogue.list, facility, code) is not None:
            rows = await self._rows(mapping, facility.id, {code})
        return rows.get(code)

    async def ready(self, mapping: MappingSpec, facility_id: int) -> SearchIndex:
        """Return the index; the old one is returned while a newer one is being built."""
        owner = mapping.catalogue.list.owner(facility_id)
        key, version = (owner, mapping.hash), await self._version(mapping, owner)
        index = self._ready.get(key)
        if index is not None and index.version == version:
            return index
        if key not in self._building:
            self._building[key] = asyncio.create_task(self._build(mapping, owner, version))
        return await asyncio.shield(self._building[key]) if index is None else index

    async def newest(self, mapping: MappingSpec, facility_id: int) -> SearchIndex:
        """Return the index of the list's present copy, waiting for it while it is being built."""
        index = await self.ready(mapping, facility_id)
        task = self._building.get((mapping.catalogue.list.owner(facility_id), mapping.hash))
        return index if task is None else await asyncio.shield(task)

    async def settled(self) -> None:
        """Wait until no index is being built."""
        if self._building:
            await asyncio.wait(self._building.values())

    async def _build(self, mapping: MappingSpec, owner: int, version: int) -> SearchIndex:
        index_key = owner, mapping.hash
        try:
            rows = await self._database.fetch(_CONTENTS, {"owner": owner, "list": mapping.catalogue.list.name})
            self._ready[index_key] = await asyncio.to_thread(_build_index, mapping, rows, version)
            return self._ready[index_key]
        finally:
            del self._building[index_key]

    async def _version(self, mapping: MappingSpec, owner: int) -> int:
        """Return the id of the synchronisation that brought the list's present copy."""
        newest = await self._database.first(_VERSION, {"owner": owner, "list": mapping.catalogue.list.name})
        return newest or 0

    async def _rows(self, mapping: MappingSpec, facility_id: int, codes: Iterable[str]) -> dict[str, CodeMatch]:
        names = mapping.names(facility_id) | {"keys": sorted(filter(None, codes))}
        return {row.key: _match(mapping, row) for row in await self._database.fetch(ROWS_OF_KEYS, names)}


def _match(mapping: MappingSpec, row: CopyRow) -> CodeMatch:
    content = orjson.loads(row.content)
    name = str(content.get(mapping.catalogue.name) or row.key)
    choosable = row.gone_at is None and fits(content, mapping.catalogue.only)
    return CodeMatch(row.key, name, content, row.gone_at is not None, choosable)


def _build_index(mapping: MappingSpec, rows: Sequence[_Content], version: int) -> SearchIndex:
    vocabulary = Vocabulary.of(mapping.vocabulary)
    columns = {part.name: _NameColumn(part) for part in mapping.parts if part.kind == "names"}
    index = Index(vocabulary, _documents(mapping, rows, columns.values()))
    parts = tuple(_part(part, vocabulary, columns.get(part.name)) for part in mapping.parts)
    return SearchIndex(version, index, vocabulary, parts)


def _part(part: PartSpec, vocabulary: Vocabulary, column: _NameColumn | None) -> Part:
    return Part(
        name=part.name,
        kind=part.kind,
        weight=part.weight,
        veto=part.veto,
        identity=part.identity,
        terms=Terms(part.terms, vocabulary) if part.terms else None,
        names=Names(vocabulary, column.texts, column.implied, part.loose) if column else None,
    )


class _NameColumn:
    """Names in a part's column, and the names that values of its `known_by` columns imply; filled row by row."""

    def __init__(self, part: PartSpec) -> None:
        self._part = part
        self.texts: dict[str, None] = {}
        self.implied: dict[str, dict[tuple[str, ...], None]] = {}

    def add(self, content: Mapping[str, Any]) -> None:
        names = tuple(_texts(content.get(self._part.theirs)))
        self.texts |= dict.fromkeys(names)
        for sign in (value for column in self._part.known_by for value in _texts(content.get(column)) if names):
            self.implied.setdefault(sign, {})[names] = None


def _documents(mapping: MappingSpec, rows: Sequence[_Content], columns: Collection[_NameColumn]) -> Iterable[Document]:
    catalogue = mapping.catalogue
    for row in rows:
        content = orjson.loads(row.content)
        for column in columns:
            column.add(content)
        if fits(content, catalogue.only):
            words = " ".join(text for name in catalogue.found_by for text in _texts(content.get(name)))
            yield Document(row.key, words, tuple(str(content[name]) for name in catalogue.exact if content.get(name)))


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(text) for text in values if text not in (None, "")]


class _Beside(NamedTuple):
    """An item and a code that are to be compared."""

    id: int
    record: str
    code: str
    content: str


_BESIDE = Statement(
    """
SELECT i.id, i.record, v.code, c.content FROM {pairs} AS v
JOIN items AS i ON i.id = v.id AND i.facility_id = :facility AND i.item = :item
JOIN code_rows AS c ON c.facility_id = :owner AND c.list = :list AND c.key = v.code
""",
    _Beside,
    pairs="id bigint, code text",
)


class _Content(NamedTuple):
    """A code and its columns as JSON."""

    key: str
    content: str


_CONTENTS = Statement(
    "SELECT key, content FROM code_rows WHERE facility_id = :owner AND list = :list AND gone_at IS NULL", _Content
)

_VERSION = Statement(
    "SELECT MAX(id) FROM synchronisations WHERE facility_id = :owner AND list = :list AND state = 'done'", int
)
