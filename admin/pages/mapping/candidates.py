"""Codes beside an item: what is suggested, what a search finds, and how one compares part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from admin.pages.mapping.shared import MappingPage, told
from admin.text.words import say
from engine.errors import AntarError
from engine.mapping.code_search import CodeMatch, Suggested
from engine.matching.parts import Compared
from engine.matching.suggest import beside

MOST = 20
"""Codes that a person is offered at once."""
COMPARED = 10
"""So many of what a search finds are compared with the item."""
PATIENCE = 8.0
"""Seconds for which a person waits for an upstream that is asked for a code."""
ICONS = {"same": "check", "close": "tilde", "different": "x", "unknown": "question-mark"}
"""Agreement -> icon, beside its word."""


@dataclass(frozen=True, slots=True)
class CodeLookup:
    """What is known of a code. `away`: the copy does not have it and its upstream could not be asked, with why."""

    found: CodeMatch | None
    away: str = ""


async def ask(desk: MappingPage, code: str) -> CodeLookup:
    """The code from the copy, or from its upstream."""
    if not code:
        return CodeLookup(None)
    try:
        async with asyncio.timeout(PATIENCE):
            return CodeLookup(await desk.hub.catalogues.detail(desk.mapping, desk.facility, code))
    except TimeoutError:
        return CodeLookup(None, say("mapping.code.late"))
    except AntarError as error:
        return CodeLookup(None, str(error))


async def candidates(desk: MappingPage, row: Any, words: str) -> list[dict[str, Any]]:
    """What is suggested for an item, best first; with words what they find."""
    catalogues = desk.hub.catalogues
    if not words:
        suggested = await catalogues.suggest(desk.mapping, desk.facility, row, MOST)
        return [_offer(each.found, each) for each in suggested]
    found = await catalogues.search(desk.mapping, desk.facility.id, words, MOST)
    compared = [await catalogues.compare(desk.mapping, desk.facility, row, each.code) for each in found[:COMPARED]]
    return [_offer(each, compared[place] if place < COMPARED else None) for place, each in enumerate(found)]


async def chosen(desk: MappingPage, row: Any, code: str) -> dict[str, Any]:
    """A code beside the item: `code` is empty if there is none such, `away` says why it could not be asked for."""
    asked = await ask(desk, code)
    if asked.found is None:
        return {"code": "", "away": asked.away}
    compared = await desk.hub.catalogues.compare(desk.mapping, desk.facility, row, code)
    catalogue = desk.mapping.catalogue
    said = {part.theirs for part in desk.mapping.parts}
    columns = [column for column in catalogue.list.visible if column.name not in said]
    return {
        **_offer(asked.found, compared),
        "vetoes": [(each.part.name, sentence(each)) for each in compared.suggestion.vetoes] if compared else [],
        "facts": [(column.label, told(asked.found.row.get(column.name))) for column in columns],
        "replacement": asked.found.row.get(catalogue.replacement) if catalogue.replacement else None,
    }


async def parsed(desk: MappingPage, row: Any) -> list[tuple[str, str]]:
    """What is read from an item, part by part, as it is compared."""
    ready = await desk.hub.catalogues.ready(desk.mapping, desk.facility.id)
    ours = desk.mapping.ours(orjson.loads(row.record), desk.facility)
    read = beside("", ready.parts, ours, {}, ready.vocabulary)
    return [(each.part.label, told(each.ours)) for each in read.compared]


def first_good(offers: Sequence[Mapping[str, Any]]) -> str:
    """The first code that may be confirmed with nothing to say besides; empty if there is none."""
    return next((each["code"] for each in offers if each["choosable"] and not each["vetoed"]), "")


def sentence(compared: Compared) -> str:
    """What a person confirms of a difference, naming both sides."""
    return say("mapping.veto", part=compared.part.label, ours=told(compared.ours), theirs=told(compared.theirs))


def _offer(found: CodeMatch, compared: Suggested | None) -> dict[str, Any]:
    return {
        "code": found.code,
        "name": found.name,
        "gone": found.gone,
        "choosable": found.choosable,
        "parts": [_part(each) for each in compared.suggestion.compared] if compared else [],
        "vetoed": bool(compared and compared.suggestion.vetoes),
    }


def _part(compared: Compared) -> dict[str, Any]:
    return {
        "name": compared.part.name,
        "label": compared.part.label,
        "ours": told(compared.ours),
        "theirs": told(compared.theirs),
        "agreement": compared.agreement,
        "icon": ICONS[compared.agreement],
        "words": say(f"mapping.agreement.{compared.agreement}"),
    }
