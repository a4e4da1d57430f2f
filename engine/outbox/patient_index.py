"""Search index of patients: the medical record number and the words of the name, in lower case."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from itertools import islice
from typing import Any, NamedTuple

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

Person = tuple[int, str, str]  # facility, norm, name
MAX_PATIENTS = 20_000  # that a process keeps in mind, in some 5 MB


class LastInsert(NamedTuple):
    """The delivery that was last inserted together with patients' words; deliveries are never deleted."""

    id: int
    created_at: int


class IndexedPatients:
    """Patients whose words this process has stored, so that it does not send them with each of their records.

    They count only while the database holds `last_insert`, a delivery of the transaction that last stored words:
    without it the database has been emptied, or is an older one that was restored. The words are never deleted.
    """

    def __init__(self) -> None:
        self._patients: dict[Person, None] = {}
        self.last_insert: LastInsert | None = None

    def missing(self, patients: Set[Person]) -> set[Person]:
        """Return those of the patients whose words have to be stored."""
        return set(patients - self._patients.keys())

    def learn(self, patients: Collection[Person], last_insert: LastInsert | None) -> None:
        """Note patients whose words have been committed, with a delivery of that transaction if it inserted one."""
        if last_insert is None or not patients:
            return
        self._patients |= dict.fromkeys(patients)
        for oldest in list(islice(self._patients, max(len(self._patients) - MAX_PATIENTS, 0))):
            del self._patients[oldest]
        self.last_insert = last_insert

    def forget(self) -> None:
        """Forget all."""
        self._patients.clear()
        self.last_insert = None


async def remember(tx: Transaction, patients: Iterable[Person]) -> None:
    """Index patients; a patient can still be found by an earlier name."""
    # Sorted: two transactions that bring the same patients must not deadlock.
    rows = sorted(
        {
            (facility_id, norm, word)
            for facility_id, norm, name in patients
            for word in [norm.casefold()[:WORD_LENGTH], *words_of(name)]
        }
    )
    if rows:
        await tx.execute(_REMEMBER, {"rows": rows})


_REMEMBER = Command(
    "INSERT INTO patient_words (facility_id, norm, word) "
    "SELECT facility_id, norm, word FROM {rows} AS v WHERE true ON CONFLICT DO NOTHING",
    rows="facility_id integer, norm text, word text",
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
