"""The codes that can be chosen: searched as people type, suggested for an item, and compared with it part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text

from engine.code_lists.sync import Synchroniser
from engine.database.database import Database, as_json
from engine.facilities.facilities import FacilityRow
from engine.matching.index import Document, Index
from engine.matching.names import Names
from engine.matching.parts import Compared, Part, terms_of
from engine.matching.suggest import Suggestion, beside, suggest
from engine.matching.vocabulary import Vocabulary
from engine.specs.mapping import MappingSpec, PartSpec
from engine.specs.record_type import fits

MIN_SCORE_RATIO = 0.65  # of the best suggestion's score: what has less is no suggestion
MAX_CANDIDATES = 60  # codes that are compared with an item, the likeliest by their words


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """A code with the columns of its row."""

    code: str
    name: str
    row: Mapping[str, Any]
    gone: bool  # it is withdrawn
    choosable: bool


@dataclass(frozen=True, slots=True)
class Suggested:
    """A code for an item, and how the two compare."""

    found: CodeMatch
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """What is searched, as of one synchronisation of the code list."""

    version: int
    index: Index
    vocabulary: Vocabulary
    parts: tuple[Part, ...]


class CodeSearch:
    """Those of one process. They live in memory, and are built anew when their code list has been read."""

    def __init__(self, database: Database, synchroniser: Synchroniser) -> None:
        self._database = database
        self._synchroniser = synchroniser
        self._ready: dict[tuple[int, str], SearchIndex] = {}
        self._building: dict[tuple[int, str], asyncio.Task[SearchIndex]] = {}

    async def search(self, mapping: MappingSpec, facility_id: int, query: str, limit: int = 20) -> list[CodeMatch]:
        """Codes that fit what a person typed, the best first; a whole code is found even if it may not be chosen."""
        ready = await self.ready(mapping, facility_id)
        keys = [hit.key for hit in ready.index.search(query, limit)]
        typed = query.strip()
        rows = await self._rows(mapping, facility_id, {*keys, typed})
        first = [typed] if typed in rows and typed not in keys else []
        return [rows[key] for key in [*first, *keys] if key in rows][:limit]

    async def suggest(self, mapping: MappingSpec, facility: FacilityRow, item: Any, limit: int = 8) -> list[Suggested]:
        """The likeliest codes for an item (a row of engine.mapping.queries), the best first."""
        ready = await self.ready(mapping, facility.id)
        ours = mapping.ours(orjson.loads(item.record), facility)
        queries = dict.fromkeys([str(item.name), *(" ".join(_texts(text)) for text in ours.values())])
        hits = [hit.key for query in queries for hit in ready.index.search(query, MAX_CANDIDATES)]
        found = await self._rows(mapping, facility.id, set(hits))
        candidates = {key: mapping.theirs(found[key].row) for key in dict.fromkeys(hits) if key in found}
        ranked = suggest(ready.parts, ours, candidates, ready.vocabulary, limit)
        best = max((each.score for each in ranked), default=0.0)
        return [Suggested(found[each.key], each) for each in ranked if each.score > MIN_SCORE_RATIO * best]

    async def compare(self, mapping: MappingSpec, facility: FacilityRow, item: Any, code: str) -> Suggested | None:
        """One code beside an item; None if there is no such code. Raises AntarError if that cannot be told."""
        found = await self.detail(mapping, facility, code)
        if found is None:
            return None
        ready = await self.ready(mapping, facility.id)
        ours, theirs = mapping.ours(orjson.loads(item.record), facility), mapping.theirs(found.row)
        return Suggested(found, beside(code, ready.parts, ours, theirs, ready.vocabulary))

    async def differences(
        self, mapping: MappingSpec, facility: FacilityRow, choices: Iterable[tuple[int, str]]
    ) -> dict[tuple[int, str], tuple[Compared, ...]]:
        """What must be confirmed expressly before an item, by its id, gets a code; of those that are in the copy."""
        pairs = self._database.rows({"id": "bigint", "code": "text"}, "pairs")
        names = mapping.names(facility.id) | {"pairs": as_json([list(choice) for choice in choices])}
        ready = await self.ready(mapping, facility.id)
        differing = {}
        for row in await self._database.fetch(text(_BESIDE % pairs), names):
            ours, theirs = mapping.ours(orjson.loads(row.record), facility), mapping.theirs(orjson.loads(row.content))
            differing[row.id, row.code] = beside(row.code, ready.parts, ours, theirs, ready.vocabulary).vetoes
        return {choice: vetoes for choice, vetoes in differing.items() if vetoes}

    async def detail(self, mapping: MappingSpec, facility: FacilityRow, code: str) -> CodeMatch | None:
        """A code; the upstream is asked for one that the copy does not have. Raises AntarError if it cannot be."""
        rows = await self._rows(mapping, facility.id, {code})
        if code not in rows and await self._synchroniser.one(mapping.catalogue.list, facility, code) is not None:
            rows = await self._rows(mapping, facility.id, {code})
        return rows.get(code)

    async def ready(self, mapping: MappingSpec, facility_id: int) -> SearchIndex:
        """The index; while a newer one is built the old one answers."""
        owner = mapping.catalogue.list.owner(facility_id)
        place, version = (owner, mapping.hash), await self._version(mapping, owner)
        known = self._ready.get(place)
        if known is not None and known.version == version:
            return known
        if place not in self._building:
            self._building[place] = asyncio.create_task(self._build(mapping, owner, version))
        return await asyncio.shield(self._building[place]) if known is None else known

    async def settled(self) -> None:
        """Wait until nothing is being built."""
        if self._building:
            await asyncio.wait(self._building.values())

    async def _build(self, mapping: MappingSpec, owner: int, version: int) -> SearchIndex:
        place = owner, mapping.hash
        try:
            query = "SELECT key, content FROM code_rows WHERE facility_id = :owner AND list = :list AND gone_at IS NULL"
            names = {"owner": owner, "list": mapping.catalogue.list.name}
            rows = await self._database.fetch(text(query), names)
            self._ready[place] = await asyncio.to_thread(_built, mapping, rows, version)
            return self._ready[place]
        finally:
            del self._building[place]

    async def _version(self, mapping: MappingSpec, owner: int) -> int:
        """The last synchronisation that brought the list's present copy."""
        query = "SELECT MAX(id) FROM synchronisations WHERE facility_id = :owner AND list = :list AND state = 'done'"
        names = {"owner": owner, "list": mapping.catalogue.list.name}
        [(newest,)] = await self._database.fetch(text(query), names)
        return newest or 0

    async def _rows(self, mapping: MappingSpec, facility_id: int, codes: Iterable[str]) -> dict[str, CodeMatch]:
        wanted = self._database.rows({"k": "text"}, "codes")
        query = (
            f"SELECT c.key, c.content, c.gone_at FROM {wanted} AS v CROSS JOIN code_rows AS c "
            "WHERE c.key = v.k AND c.facility_id = :owner AND c.list = :list"
        )
        names = mapping.names(facility_id) | {"codes": as_json([[code] for code in sorted(codes) if code])}
        rows = await self._database.fetch(text(query), names)
        return {row.key: _found(mapping, row) for row in rows}


def _found(mapping: MappingSpec, row: Any) -> CodeMatch:
    content = orjson.loads(row.content)
    name = str(content.get(mapping.catalogue.name) or row.key)
    choosable = row.gone_at is None and fits(content, mapping.catalogue.only)
    return CodeMatch(row.key, name, content, row.gone_at is not None, choosable)


def _built(mapping: MappingSpec, rows: Sequence[Any], version: int) -> SearchIndex:
    vocabulary = Vocabulary.of(mapping.vocabulary)
    spoken = {part.name: _Spoken(part) for part in mapping.parts if part.kind == "names"}
    index = Index(vocabulary, _documents(mapping, rows, spoken.values()))
    parts = tuple(_part(part, vocabulary, spoken.get(part.name)) for part in mapping.parts)
    return SearchIndex(version, index, vocabulary, parts)


def _part(part: PartSpec, vocabulary: Vocabulary, spoken: _Spoken | None) -> Part:
    return Part(
        name=part.name,
        label=part.label,
        kind=part.kind,
        weight=part.weight,
        veto=part.veto,
        identity=part.identity,
        terms=terms_of(part.terms, vocabulary),
        names=Names(vocabulary, spoken.texts, spoken.implied, part.loose) if spoken else None,
    )


class _Spoken:
    """The names in a part's column, with those that the columns of `known_by` imply, gathered row by row."""

    def __init__(self, part: PartSpec) -> None:
        self._part = part
        self.texts: dict[str, None] = {}
        self.implied: dict[str, dict[tuple[str, ...], None]] = {}

    def add(self, content: Mapping[str, Any]) -> None:
        names = tuple(_texts(content.get(self._part.theirs)))
        self.texts |= dict.fromkeys(names)
        for sign in (each for column in self._part.known_by for each in _texts(content.get(column)) if names):
            self.implied.setdefault(sign, {})[names] = None


def _documents(mapping: MappingSpec, rows: Sequence[Any], spoken: Collection[_Spoken]) -> Iterable[Document]:
    catalogue = mapping.catalogue
    for row in rows:
        content = orjson.loads(row.content)
        for each in spoken:
            each.add(content)
        if fits(content, catalogue.only):
            said = " ".join(text for name in catalogue.found_by for text in _texts(content.get(name)))
            yield Document(row.key, said, tuple(str(content[name]) for name in catalogue.exact if content.get(name)))


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values if each not in (None, "")]


_BESIDE = """
SELECT i.id, i.record, v.code, c.content FROM %s AS v
JOIN items AS i ON i.id = v.id AND i.facility_id = :facility AND i.item = :item
JOIN code_rows AS c ON c.facility_id = :owner AND c.list = :list AND c.key = v.code
"""
