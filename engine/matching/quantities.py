"""Reads amounts in texts and compares them: `500 mg`, `120/5`, `0,5 %`, `500 mg + 125 mg`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from engine.matching.vocabulary import MAX_TEXT_CHARACTERS, Unit, Vocabulary, number, plain_text


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit; None if no unit is written."""

    value: Fraction
    unit: Unit | None
    written: str

    def agrees(self, other: Measure) -> bool:
        """Tell if both are the same measure; if either has no unit, only the numbers are compared."""
        if self.unit is None or other.unit is None:
            return self.value == other.value
        return self.unit.base == other.unit.base and self.value * self.unit.times == other.value * other.unit.times


@dataclass(frozen=True, slots=True)
class Amount:
    """A measure, or a measure per another: 120 mg per 5 mL."""

    measure: Measure
    per: Measure | None = None

    def __str__(self) -> str:
        return self.measure.written + (f"/{self.per.written}" if self.per else "")

    def agrees(self, other: Amount) -> bool:
        """Tell if both are the same amount; if either has no `per`, only the measures are compared."""
        mine, theirs = self._share(), other._share()
        if mine is not None and theirs is not None:
            return mine == theirs
        if self.per is None or other.per is None:
            return self.measure.agrees(other.measure)
        return self.measure.agrees(other.measure) and self.per.agrees(other.per)

    def _share(self) -> tuple[str, Fraction] | None:
        """Return (base, quantity per unit of the denominator), if the units define it; 5 mg/mL is the same as 0.5 %."""
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
    """Return the amounts in a text, in order; see `_readings` for a division without units."""
    result: list[Amount] = []
    for match in _AMOUNT.finditer(plain_text(text[:MAX_TEXT_CHARACTERS])):
        first = _measure(match["n"], match["u"], vocabulary)
        per = None
        if match["per_n"] or match["per_u"]:
            per = _measure(match["per_n"] or "1", match["per_u"], vocabulary)
        if per is None or (per.unit is None and not match["per_n"]):
            result.append(Amount(first))
        else:
            result.append(Amount(first, per))
    return tuple(result)


def agreement(ours: Sequence[Amount], theirs: Sequence[Amount]) -> bool | None:
    """Tell if ours contain each of theirs (and perhaps a pack size) or are their sum; None if either is empty."""
    if not ours or not theirs:
        return None
    mine = [reading for amount in ours for reading in _readings(amount)]
    if all(any(one.agrees(other) for one in mine) for other in theirs):
        return True
    return len(theirs) > 1 and any(_is_sum(one, theirs) for one in mine)


def exceeds(ours: Sequence[Amount], theirs: Sequence[Amount]) -> bool:
    """Tell if ours contain an amount, as a pack size, that none of theirs is; the sum of theirs is all of them."""
    if len(theirs) > 1 and any(_is_sum(reading, theirs) for one in ours for reading in _readings(one)):
        return False
    return not all(any(reading.agrees(other) for reading in _readings(one) for other in theirs) for one in ours)


def _readings(amount: Amount) -> list[Amount]:
    """Return the possible meanings of an amount: `250/125` may be 250 per 125, or 250 and 125."""
    if amount.per is not None and amount.measure.unit is None:
        return [amount, Amount(amount.measure), Amount(amount.per)]
    return [amount]


def _is_sum(one: Amount, theirs: Sequence[Amount]) -> bool:
    """Tell if the amount is the sum of theirs, as `625` of 500 mg + 125 mg."""
    units = {amount.measure.unit for amount in theirs}
    if len(units) != 1:
        return False
    total = Measure(sum((amount.measure.value for amount in theirs), Fraction()), units.pop(), "")
    return one.measure.agrees(total)


def _measure(value: str, unit: str | None, vocabulary: Vocabulary) -> Measure:
    declared = vocabulary.units.get(unit or "")
    plain = number(value)
    written = plain.replace(".", ",") + (f" {unit}" if declared and unit else "")
    return Measure(Fraction(plain), declared, written)


_UNIT = r"(?:[^\W\d_]+|%)"
_NUMBER = r"\d+(?:[.,]\d+)*"
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?:[^\W\d_]+)?(?P<n>{_NUMBER})\s*(?P<u>{_UNIT})?"
    rf"(?:\s*/\s*(?P<per_n>{_NUMBER})?\s*(?P<per_u>{_UNIT})?)?"
)
