"""Candidate codes for an item: suggestions, search results, and the comparison of a code part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from admin.pages.mapping.shared import MappingPage, value_text
from admin.text.words import say, sentence
from engine.errors import AntarError
from engine.mapping.code_search import CodeMatch, Suggested
from engine.mapping.queries import ListedItem
from engine.matching.parts import Compared
from engine.matching.suggest import beside
from engine.specs.mapping import MappingSpec
from engine.specs.text import Text

MAX_OFFERS = 20  # codes offered at once
MAX_COMPARED = 10  # search results that are compared with the item
LOOKUP_SECONDS = 8.0  # time limit for asking an upstream for a code
# Agreement -> icon, shown beside its word.
ICONS = {"same": "check", "close": "tilde", "different": "x", "unknown": "question-mark"}


@dataclass(frozen=True, slots=True)
class CodeLookup:
    """Result of looking up a code. `problem`: why the upstream could not be asked for a code that the copy lacks."""

    match: CodeMatch | None
    problem: str = ""


async def look_up(page: MappingPage, code: str) -> CodeLookup:
    """Look up a code in the copy of its list, else at the upstream."""
    if not code:
        return CodeLookup(None)
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            return CodeLookup(await page.hub.code_searches.detail(page.mapping, page.facility, code))
    except TimeoutError:
        return CodeLookup(None, say("mapping.code.late"))
    except AntarError as error:
        return CodeLookup(None, sentence(str(error)))


async def candidates(page: MappingPage, row: ListedItem, words: str) -> list[dict[str, Any]]:
    """Return suggestions for an item, best first; if `words` are given, the codes that match them."""
    code_searches = page.hub.code_searches
    if not words:
        suggested = await code_searches.suggest(page.mapping, page.facility, row, MAX_OFFERS)
        return [offer_view(page.mapping, suggestion.match, suggestion) for suggestion in suggested]
    matches = await code_searches.search(page.mapping, page.facility.id, words, MAX_OFFERS)
    compared = [
        await code_searches.compare(page.mapping, page.facility, row, match.code) for match in matches[:MAX_COMPARED]
    ]
    return [
        offer_view(page.mapping, match, compared[place] if place < MAX_COMPARED else None)
        for place, match in enumerate(matches)
    ]


async def chosen(page: MappingPage, row: ListedItem, code: str) -> dict[str, Any]:
    """Return a code compared with the item. `code` is empty if it was not found; `away` says why it is unknown."""
    lookup = await look_up(page, code)
    if lookup.match is None:
        return {"code": "", "away": lookup.problem}
    compared = await page.hub.code_searches.compare(page.mapping, page.facility, row, code)
    catalogue = page.mapping.catalogue
    compared_columns = {part.theirs for part in page.mapping.parts}
    columns = [column for column in catalogue.list.visible if column.name not in compared_columns]
    return {
        **offer_view(page.mapping, lookup.match, compared),
        "vetoes": [(veto.part.name, difference_text(page.mapping, veto)) for veto in compared.suggestion.vetoes]
        if compared
        else [],
        "facts": [(column.label, value_text(lookup.match.row.get(column.name))) for column in columns],
        "replacement": lookup.match.row.get(catalogue.replacement) if catalogue.replacement else None,
    }


async def read_parts(page: MappingPage, row: ListedItem) -> list[tuple[Text, str]]:
    """Return the parts of an item, as they are compared."""
    ready = await page.hub.code_searches.ready(page.mapping, page.facility.id)
    ours = page.mapping.ours(orjson.loads(row.record), page.facility)
    read = beside("", ready.parts, ours, {}, ready.vocabulary)
    return [(page.mapping.label_of(compared.part.name), value_text(compared.ours)) for compared in read.compared]


def first_confirmable(offers: Sequence[Mapping[str, Any]]) -> str:
    """Return the first code that may be confirmed without consenting to a difference; empty if there is none."""
    return next((offer["code"] for offer in offers if offer["choosable"] and not offer["vetoed"]), "")


def difference_text(mapping: MappingSpec, compared: Compared) -> str:
    """Return the sentence about a difference that a person consents to, with both values."""
    ours, theirs = value_text(compared.ours), value_text(compared.theirs)
    return say("mapping.veto", part=mapping.label_of(compared.part.name), ours=ours, theirs=theirs)


def offer_view(mapping: MappingSpec, match: CodeMatch, compared: Suggested | None) -> dict[str, Any]:
    """Return a code as the pages take it, with its comparison part by part."""
    return {
        "code": match.code,
        "name": match.name,
        "gone": match.gone,
        "choosable": match.choosable,
        "parts": [_part(mapping, part) for part in compared.suggestion.compared] if compared else [],
        "vetoed": bool(compared and compared.suggestion.vetoes),
    }


def _part(mapping: MappingSpec, compared: Compared) -> dict[str, Any]:
    return {
        "name": compared.part.name,
        "label": mapping.label_of(compared.part.name),
        "ours": value_text(compared.ours),
        "theirs": value_text(compared.theirs),
        "agreement": compared.agreement,
        "icon": ICONS[compared.agreement],
        "words": say(f"mapping.agreement.{compared.agreement}"),
    }
