"""The alert about visits that are not handed in completely: raised while they grow, not while they only stay."""

from __future__ import annotations

import pytest

from engine.alerts.conditions import ConditionKind, Thresholds, troubles
from engine.alerts.facts import ClinicFacts, Facts
from engine.facilities.facilities import FacilityRow
from engine.queries.completeness import Growth

CLINIC = FacilityRow(1, "klinik", "Klinik", "Asia/Jakarta", "1")


def raised(n: int, before: int, *, alerted: bool = False) -> bool:
    facts = Facts(0, 1, {1: ClinicFacts(CLINIC, (), {}, {}, Growth(1, n, before))})
    known = frozenset({f"1/{ConditionKind.ABSENT}/"} if alerted else ())
    return any(trouble.kind is ConditionKind.ABSENT for trouble in troubles(facts, Thresholds(0, 0), None, known))


@pytest.mark.parametrize(
    ("n", "before", "is_raised"), [(4, 0, False), (5, 0, True), (10, 10, False), (15, 10, True), (14, 10, False)]
)
def test_it_is_raised_while_they_grow(n: int, before: int, is_raised: bool) -> None:
    assert raised(n, before) is is_raised


def test_it_lasts_until_fewer_become_overdue_than_the_day_before() -> None:
    assert raised(12, 10, alerted=True)
    assert not raised(9, 10, alerted=True)
