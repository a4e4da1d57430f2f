"""Ledger of a recipient: the troubles and which of them were alerted. Pure functions; stored as JSON in their row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from engine.alerts.conditions import DELAY_SECONDS, ConditionKind, Trouble

CLEAR_AFTER_MS = 120_000  # a trouble has to be gone for this long before the all-clear


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A trouble: when it was first seen, alerted (0: not yet), and gone (0: still there). Times are epoch ms."""

    trouble: Trouble
    seen: int
    alerted: int = 0
    gone: int = 0

    def is_news(self, now: int) -> bool:
        return not self.alerted and not self.gone and now - self.seen >= DELAY_SECONDS.get(self.trouble.kind, 0) * 1000

    def is_over(self, now: int) -> bool:
        return bool(self.alerted and self.gone) and now - self.gone >= CLEAR_AFTER_MS


Ledger = Mapping[str, LedgerEntry]


@dataclass(frozen=True, slots=True)
class News:
    """Troubles that began, that ended, and that continue."""

    raised: tuple[LedgerEntry, ...]
    cleared: tuple[LedgerEntry, ...]
    lasting: tuple[LedgerEntry, ...]

    def __bool__(self) -> bool:
        return bool(self.raised or self.cleared)


def advance(ledger: Ledger, troubles: Sequence[Trouble], now: int) -> dict[str, LedgerEntry]:
    """Return the ledger with the present troubles; a trouble that ended before its alert is dropped."""
    there = {trouble.key: trouble for trouble in troubles}
    ledger = {key: _until(now, entry) for key, entry in ledger.items()}
    kept = {key: _again(entry, there.get(key), now) for key, entry in ledger.items() if entry.alerted or key in there}
    new = {key: LedgerEntry(trouble, now) for key, trouble in there.items() if key not in ledger}
    return {**kept, **new}


def _until(now: int, entry: LedgerEntry) -> LedgerEntry:
    """Cap times at `now`: a clock that was ahead has written future times, which would delay alerts until then."""
    return replace(entry, seen=min(entry.seen, now), gone=min(entry.gone, now))


def _again(entry: LedgerEntry, trouble: Trouble | None, now: int) -> LedgerEntry:
    if trouble is None:
        return entry if entry.gone else replace(entry, gone=now)
    return replace(entry, gone=0) if entry.gone else entry


def news(ledger: Ledger, now: int) -> News:
    """Return the news of a ledger, by facility and kind."""
    entries = sorted(ledger.values(), key=lambda entry: (entry.trouble.facility_id, entry.trouble.kind))
    return News(
        tuple(entry for entry in entries if entry.is_news(now)),
        tuple(entry for entry in entries if entry.is_over(now)),
        tuple(entry for entry in entries if entry.alerted and not entry.gone),
    )


def after(ledger: Ledger, sent: News, now: int) -> dict[str, LedgerEntry]:
    """Return the ledger after the news was sent."""
    over = {entry.trouble.key for entry in sent.cleared}
    raised = {entry.trouble.key for entry in sent.raised}
    kept = {key: entry for key, entry in ledger.items() if key not in over}
    return {key: replace(entry, alerted=now) if key in raised else entry for key, entry in kept.items()}


def dump(ledger: Ledger) -> str:
    return orjson.dumps([_fields(entry) for entry in ledger.values()]).decode()


def parse(written: str) -> dict[str, LedgerEntry]:
    """Return the ledger that `dump` wrote."""
    entries = [_entry(fields) for fields in orjson.loads(written)]
    return {entry.trouble.key: entry for entry in entries}


def _fields(entry: LedgerEntry) -> dict[str, Any]:
    return {"trouble": asdict(entry.trouble), "seen": entry.seen, "told": entry.alerted, "gone": entry.gone}


def _entry(fields: dict[str, Any]) -> LedgerEntry:
    trouble = Trouble(**{**fields["trouble"], "kind": ConditionKind(fields["trouble"]["kind"])})
    return LedgerEntry(trouble, fields["seen"], fields["told"], fields["gone"])
