"""Deliveries by the values of their columns: which values a search or a filter means, and which deliveries have one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import ColumnValueRow, ColumnWord, Delivery, DeliveryValue
from engine.delivery.search_words import AFTER_ALL_WORDS, words_of
from engine.specs.column_values import compared

MAX_VALUES = 500  # values of one search or filter; of more, the newest deliveries are looked through
# Deliveries of these values. Up to this number a list reads them all; of more, it reads on until a page is full.
MAX_DELIVERIES = 5_000


class ColumnFilter(NamedTuple):
    """A column and what its value is, or begins with if no value is exactly that."""

    name: str
    typed: str


class ValueSet(NamedTuple):
    """Ids of values, and the number of deliveries that have one, counted up to MAX_DELIVERIES + 1.

    `whole`: there are no further values.
    """

    ids: list[int]
    total: int
    whole: bool = True

    @property
    def few(self) -> bool:
        """Return whether all its deliveries may be read."""
        return self.whole and self.total <= MAX_DELIVERIES


async def values_of(
    database: Database, facility_id: int, specs: Sequence[str], chosen: ColumnFilter | Sequence[str]
) -> ValueSet:
    """Return the values of a filter, or those in which every word of a search begins a word."""
    if isinstance(chosen, ColumnFilter):
        query = _of_filter(facility_id, specs, chosen)
    else:
        query = _of_words(facility_id, specs, chosen)
    rows = await database.fetch(Query(query.limit(MAX_VALUES + 1), int))
    ids = sorted(set(rows))
    if not rows or len(rows) > MAX_VALUES:
        return ValueSet(ids, MAX_DELIVERIES + 1 if rows else 0, whole=not rows)
    some = select(DeliveryValue.delivery_id).where(DeliveryValue.value_id.in_(ids)).limit(MAX_DELIVERIES + 1)
    [total] = await database.fetch(Query(select(func.count()).select_from(some.subquery()), int))
    return ValueSet(ids, total)


def _of_filter(facility_id: int, specs: Sequence[str], chosen: ColumnFilter) -> Select[int]:
    value = ColumnValueRow
    return select(value.id).where(
        value.facility_id == facility_id, value.spec.in_(specs), value.name == chosen.name, _is_meant(value, chosen)
    )


def _of_words(facility_id: int, specs: Sequence[str], words: Sequence[str]) -> Select[int]:
    """Select the values in which every word begins a word; a value may come twice, because DISTINCT reads them all."""
    [first, *others] = sorted(words, key=len, reverse=True)
    word = ColumnWord
    query = select(word.value_id).where(word.facility_id == facility_id, word.spec.in_(specs), _begins(word, first))
    return query.where(*(_has_word(word.value_id, other) for other in others))


def _has_word(value_id: Any, typed: str) -> ColumnElement[bool]:
    other = ColumnWord.__table__.alias()
    return exists().where(other.c.value_id == value_id, _begins(other.c, typed))


def _begins(word: Any, typed: str) -> ColumnElement[bool]:
    return and_(word.word >= typed, word.word < typed + AFTER_ALL_WORDS)


def _is_meant(value: Any, chosen: ColumnFilter) -> ColumnElement[bool]:
    """Return the condition on a value that it is what a filter means."""
    typed, same = compared(chosen.typed), ColumnValueRow.__table__.alias()
    exact = exists().where(
        same.c.facility_id == value.facility_id,
        same.c.spec == value.spec,
        same.c.name == chosen.name,
        same.c.value == typed,
    )
    begins = and_(value.value >= typed, value.value < typed + AFTER_ALL_WORDS)
    return or_(value.value == typed, and_(begins, ~exact))


def has_words(text: str) -> list[ColumnElement[bool]]:
    """Return the condition that a delivery has a value in which every word of a text begins a word."""
    words = words_of(text)
    value = DeliveryValue.__table__.alias()
    conditions = [_has_word(value.c.value_id, word) for word in words]
    return [_one_of(select(literal(1)).where(value.c.delivery_id == Delivery.id, *conditions))] if words else []


def has_value(chosen: ColumnFilter) -> ColumnElement[bool]:
    """Return the condition that a delivery has the value of a filter."""
    of_delivery, value = DeliveryValue.__table__.alias(), ColumnValueRow.__table__.alias()
    query = select(literal(1)).select_from(of_delivery.join(value, value.c.id == of_delivery.c.value_id))
    mine = [of_delivery.c.delivery_id == Delivery.id, value.c.name == chosen.name]
    return _one_of(query.where(*mine, _is_meant(value.c, chosen)))


def _one_of(query: Select[int]) -> ColumnElement[bool]:
    """Return the condition that there is a row; a limit keeps the planner from joining it for all deliveries."""
    return query.limit(1).correlate(Delivery).scalar_subquery().is_not(None)


async def distinct_values(database: Database, facility_id: int, spec: str, name: str, limit: int) -> list[str]:
    """Return the values that occur in a column, in their order, at most `limit`."""
    return await database.fetch(_DISTINCT, {"facility": facility_id, "spec": spec, "name": name, "limit": limit})


_DISTINCT = Statement(
    "SELECT text FROM column_values WHERE facility_id = :facility AND spec = :spec AND name = :name "
    "ORDER BY value LIMIT :limit",
    str,
)
