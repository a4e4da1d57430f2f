"""Amounts in a text, and whether two texts name the same: `500 mg`, `120/5`, `0,5 %`, `500 mg + 125 mg`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from engine.matching.vocabulary import LONGEST, Unit, Vocabulary, number, plain_text


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit, None where none is written."""

    value: Fraction
    unit: Unit | None
    written: str

    def agrees(self, other: Measure) -> bool:
        """Without a unit the bare numbers are compared."""
        if self.unit is None or other.unit is None:
            return self.value == other.value
        return self.unit.base == other.unit.base and self.value * self.unit.times == other.value * other.unit.times


@dataclass(frozen=True, slots=True)
class Amount:
    """A measure, perhaps per another: 120 mg per 5 mL."""

    measure: Measure
    per: Measure | None = None

    def __str__(self) -> str:
        return self.measure.written + (f"/{self.per.written}" if self.per else "")

    def agrees(self, other: Amount) -> bool:
        """The same amount; where one leaves out per how much, what is measured decides."""
        mine, theirs = self._share(), other._share()
        if mine is not None and theirs is not None:
            return mine == theirs
        if self.per is None or other.per is None:
            return self.measure.agrees(other.measure)
        return self.measure.agrees(other.measure) and self.per.agrees(other.per)

    def _share(self) -> tuple[str, Fraction] | None:
        """(base, so many per litre or per thousand grams), where the units tell it."""
        unit = self.measure.unit
        if unit is None:
            return None
        value = self.measure.value * unit.times
        if unit.per is not None:
            return unit.base, value
        if self.per is None or self.per.unit is None or not self.per.value:
            return None
        per = self.per.unit
        return unit.base, value / (self.per.value * per.times)


def amounts(text: str, vocabulary: Vocabulary) -> tuple[Amount, ...]:
    """The amounts of a text, in order. What is divided without any unit may be two amounts as well as one."""
    found: list[Amount] = []
    for match in _AMOUNT.finditer(plain_text(text[:LONGEST])):
        first = _measure(match["n"], match["u"], vocabulary)
        per = None
        if match["per_n"] or match["per_u"]:
            per = _measure(match["per_n"] or "1", match["per_u"], vocabulary)
        if per is None or (per.unit is None and not match["per_n"]):
            found.append(Amount(first))
        else:
            found.append(Amount(first, per))
    return tuple(found)


def agreement(ours: Sequence[Amount], theirs: Sequence[Amount]) -> bool | None:
    """Whether each of theirs is among ours (which may name a pack besides), or ours is their sum; None: no telling."""
    if not ours or not theirs:
        return None
    mine = [amount for each in ours for amount in _readings(each)]
    if all(any(one.agrees(other) for one in mine) for other in theirs):
        return True
    return len(theirs) > 1 and any(_is_sum(one, theirs) for one in mine)


def _readings(amount: Amount) -> list[Amount]:
    """`250/125` may be 250 per 125, or 250 and 125."""
    if amount.per is not None and amount.measure.unit is None:
        return [amount, Amount(amount.measure), Amount(amount.per)]
    return [amount]


def _is_sum(one: Amount, theirs: Sequence[Amount]) -> bool:
    """`625` of 500 mg + 125 mg."""
    units = {each.measure.unit for each in theirs}
    if len(units) != 1:
        return False
    total = Measure(sum((each.measure.value for each in theirs), Fraction()), units.pop(), "")
    return one.measure.agrees(total)


def _measure(value: str, unit: str | None, vocabulary: Vocabulary) -> Measure:
    known = vocabulary.units.get(unit or "")
    plain = number(value)
    written = plain.replace(".", ",") + (f" {unit}" if known and unit else "")
    return Measure(Fraction(plain), known, written)


_UNIT = r"(?:[^\W\d_]+|%)"
_NUMBER = r"\d+(?:[.,]\d+)*"
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?:[^\W\d_]+)?(?P<n>{_NUMBER})\s*(?P<u>{_UNIT})?"
    rf"(?:\s*/\s*(?P<per_n>{_NUMBER})?\s*(?P<per_u>{_UNIT})?)?"
)
