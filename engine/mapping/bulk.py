"""Confirms the exact codes of many items at once; what is exact is declared by `bulk` of the mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.database.database import Database
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow
from engine.mapping import queries
from engine.mapping.code_search import CodeSearch, Suggested
from engine.mapping.confirm import Choice, confirm
from engine.mapping.queries import ListedItem
from engine.specs.mapping import MappingSpec

MAX_ITEMS = 100  # items without a code that are judged at once


@dataclass(frozen=True, slots=True)
class ProposalPage:
    """Items with their exact codes, of the next `judged` items without a code."""

    rows: Sequence[tuple[ListedItem, Suggested]]
    judged: int
    next: tuple[int, int] | None  # place after which the next page begins; None on the last page


class LeftOut(StrEnum):
    """Reason for which a ticked item is not confirmed."""

    ABSENT = "absent"  # not in use any more
    MAPPED = "mapped"  # somebody gave the item another code
    CHANGED = "changed"  # the item has other parts, or another code, than the person saw
    INEXACT = "inexact"  # the code is not the only exact one any more
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class BulkResult:
    """Result of a confirmation of many items."""

    done: Sequence[tuple[ListedItem, str]]  # with the code
    left: Sequence[tuple[ListedItem | None, LeftOut]]
    released: int  # deliveries that wait for no code of this mapping any more
    channels: frozenset[Channel]  # channels in which deliveries became due


async def proposals(
    database: Database,
    code_searches: CodeSearch,
    mapping: MappingSpec,
    facility: FacilityRow,
    after: tuple[int, int] | None = None,
) -> ProposalPage:
    """Return the exact codes of items without a code; those with the most waiting deliveries come first."""
    page = await queries.page(database, mapping, facility.id, queries.UNMAPPED, after=after, size=MAX_ITEMS)
    exact = await code_searches.exact(mapping, facility, page.rows)
    return ProposalPage([(row, exact[row.id]) for row in page.rows if row.id in exact], len(page.rows), page.next)


async def confirm_proposals(
    database: Database,
    code_searches: CodeSearch,
    mapping: MappingSpec,
    facility: FacilityRow,
    choices: Sequence[Choice],
    actor: str,
) -> BulkResult:
    """Judge the choices again, and confirm in one transaction those that are still exact."""
    rows = await queries.several(database, mapping, facility.id, [choice.item_id for choice in choices])
    await code_searches.newest(mapping, facility.id)
    exact = await code_searches.exact(mapping, facility, rows.values())
    reasons = {
        choice.item_id: _left_out(rows.get(choice.item_id), exact.get(choice.item_id), choice) for choice in choices
    }
    accepted = [choice for choice in choices if reasons[choice.item_id] is None]
    before = await queries.counts(database, mapping, facility.id)
    result = await confirm(database, mapping, facility.id, accepted, actor)
    after = await queries.counts(database, mapping, facility.id)
    reasons |= dict.fromkeys(result.overtaken, LeftOut.CHANGED) | dict.fromkeys(result.unknown, LeftOut.WITHDRAWN)
    codes = {choice.item_id: choice.code for choice in choices}
    return BulkResult(
        done=[(rows[id_], codes[id_]) for id_ in result.done],
        left=[(rows.get(id_), reason) for id_, reason in reasons.items() if reason is not None],
        released=max(0, before.waiting - after.waiting),
        channels=result.channels,
    )


def _left_out(row: ListedItem | None, suggested: Suggested | None, choice: Choice) -> LeftOut | None:
    """Return the reason not to confirm a choice; None to confirm it. A second submission finds the code confirmed."""
    if row is None or not row.active:
        return LeftOut.ABSENT
    if row.state == queries.MAPPED and row.code == choice.code:
        return None
    if row.state != queries.UNMAPPED:
        return LeftOut.MAPPED
    if row.parts_hash != choice.parts_hash:
        return LeftOut.CHANGED
    return None if suggested is not None and suggested.match.code == choice.code else LeftOut.INEXACT
