"""Search index of patients: the medical record number and the words of the name, in lower case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    exists,
    literal,
    select,
)

from engine.database.statements import Command
from engine.database.tables import Delivery, PatientWord
from engine.database.transaction import Transaction
from engine.delivery.search_words import AFTER_ALL_WORDS, words_of
from engine.delivery.status import WORD_LENGTH


async def remember(tx: Transaction, facility_id: int, people: Iterable[tuple[str, str]]) -> None:
    """Index patients, given as (norm, name); a patient can still be found by an earlier name."""
    # Sorted: two transactions that bring the same patients must not deadlock.
    rows = sorted({(norm, word) for norm, name in people for word in [norm.casefold()[:WORD_LENGTH], *words_of(name)]})
    if rows:
        await tx.execute(_REMEMBER, {"facility": facility_id, "rows": rows})


_REMEMBER = Command(
    "INSERT INTO patient_words (facility_id, norm, word) "
    "SELECT :facility, norm, word FROM {rows} AS v WHERE true ON CONFLICT DO NOTHING",
    rows="norm text, word text",
)


def matching_norms(facility_id: int, words: Sequence[str]) -> Select[str]:
    """Select the norms of patients for whom every word begins a word of their index; a norm may come twice."""
    [first, *others] = sorted(words, key=len, reverse=True)
    query = select(PatientWord.norm).where(PatientWord.facility_id == facility_id, _begins(first))
    return query.where(*(_also(PatientWord.facility_id, PatientWord.norm, word) for word in others))


def patient_matches(words: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a delivery belongs to a patient whom all words find."""
    return and_(*(_also(Delivery.facility_id, Delivery.patient_norm, word) for word in words))


def _also(facility_id: SQLColumnExpression[int], norm: SQLColumnExpression[Any], word: str) -> ColumnElement[bool]:
    other = PatientWord.__table__.alias()
    begins = and_(other.c.word >= word, other.c.word < word + AFTER_ALL_WORDS)
    return exists().where(other.c.facility_id == facility_id, other.c.norm == norm, begins)


def _begins(word: str) -> ColumnElement[bool]:
    return and_(PatientWord.word >= word, PatientWord.word < literal(word + AFTER_ALL_WORDS, String))
