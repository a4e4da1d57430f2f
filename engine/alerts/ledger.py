"""What somebody has been told and what not yet: pure bookkeeping, kept as JSON in their row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from engine.alerts.conditions import DELAY_SECONDS, ConditionKind, Trouble

CLEAR_AFTER_MS = 120_000  # milliseconds for which something has to be well again before the all-clear


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A trouble, when it was first seen, when it was told (0: not yet), since when it is gone (0: it is there)."""

    trouble: Trouble
    seen: int
    told: int = 0
    gone: int = 0

    def is_news(self, now: int) -> bool:
        return not self.told and not self.gone and now - self.seen >= DELAY_SECONDS.get(self.trouble.kind, 0) * 1000

    def is_over(self, now: int) -> bool:
        return bool(self.told and self.gone) and now - self.gone >= CLEAR_AFTER_MS


Ledger = Mapping[str, LedgerEntry]


@dataclass(frozen=True, slots=True)
class News:
    """What began, what ended, and what goes on."""

    raised: tuple[LedgerEntry, ...]
    cleared: tuple[LedgerEntry, ...]
    lasting: tuple[LedgerEntry, ...]

    def __bool__(self) -> bool:
        return bool(self.raised or self.cleared)


def advance(ledger: Ledger, found: Sequence[Trouble], now: int) -> dict[str, LedgerEntry]:
    """The ledger after another look: what is new, what is gone; what went before it was told never was."""
    there = {trouble.key: trouble for trouble in found}
    ledger = {key: _by(now, entry) for key, entry in ledger.items()}
    kept = {key: _again(entry, there.get(key), now) for key, entry in ledger.items() if entry.told or key in there}
    new = {key: LedgerEntry(trouble, now) for key, trouble in there.items() if key not in ledger}
    return {**kept, **new}


def _by(now: int, entry: LedgerEntry) -> LedgerEntry:
    """Without the times to come that a clock has written which was ahead: nothing would be told until then."""
    return replace(entry, seen=min(entry.seen, now), gone=min(entry.gone, now))


def _again(entry: LedgerEntry, trouble: Trouble | None, now: int) -> LedgerEntry:
    if trouble is None:
        return entry if entry.gone else replace(entry, gone=now)
    return replace(entry, gone=0) if entry.gone else entry


def news(ledger: Ledger, now: int) -> News:
    """What there is to tell."""
    entries = sorted(ledger.values(), key=lambda entry: (entry.trouble.facility_id, entry.trouble.kind))
    return News(
        tuple(entry for entry in entries if entry.is_news(now)),
        tuple(entry for entry in entries if entry.is_over(now)),
        tuple(entry for entry in entries if entry.told and not entry.gone),
    )


def after(ledger: Ledger, told: News, now: int) -> dict[str, LedgerEntry]:
    """The ledger once that was told."""
    over = {entry.trouble.key for entry in told.cleared}
    raised = {entry.trouble.key for entry in told.raised}
    kept = {key: entry for key, entry in ledger.items() if key not in over}
    return {key: replace(entry, told=now) if key in raised else entry for key, entry in kept.items()}


def dump(ledger: Ledger) -> str:
    return orjson.dumps([asdict(entry) for entry in ledger.values()]).decode()


def parse(written: str) -> dict[str, LedgerEntry]:
    """The same again."""
    entries = [_entry(each) for each in orjson.loads(written)]
    return {entry.trouble.key: entry for entry in entries}


def _entry(each: dict[str, Any]) -> LedgerEntry:
    trouble = Trouble(**{**each["trouble"], "kind": ConditionKind(each["trouble"]["kind"])})
    return LedgerEntry(trouble, each["seen"], each["told"], each["gone"])
