"""The platform's copy of the code systems: small lists, enough to refuse wrong codes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

KFA = "http://sys-ids.kemkes.go.id/kfa"


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """The loaded part of one code system."""

    codes: dict[str, str] = field(default_factory=dict)
    complete: bool = False  # True: a code outside the list is wrong in lenient mode too
    pattern: re.Pattern[str] | None = None
    refused: frozenset[str] = frozenset()  # well-formed codes that the platform is known not to have

    def has(self, code: str, *, strict: bool) -> bool:
        """Return True if the platform finds this code."""
        if code in self.codes:
            return True
        if self.complete or strict or code in self.refused:
            return False
        return self.pattern is None or self.pattern.fullmatch(code) is not None


@cache
def code_systems() -> dict[str, CodeSystem]:
    """Return all loaded code systems by their address."""
    loaded: dict[str, CodeSystem] = {}
    for source in files("sandbox.satusehat.codes").iterdir():
        if source.name.endswith(".json"):
            loaded.update({address: _read(entry) for address, entry in orjson.loads(source.read_bytes()).items()})
    return loaded


def code_exists(system: str, code: object, *, strict: bool) -> bool:
    """Return True if a code is accepted. In a system without a list, any trimmed text is."""
    if not isinstance(code, str) or not code or code != code.strip():
        return False
    system_ = code_systems().get(system)
    return system_ is None or system_.has(code, strict=strict)


def _read(entry: dict[str, Any]) -> CodeSystem:
    return CodeSystem(
        codes=entry.get("codes", {}),
        complete=entry.get("complete", False),
        pattern=re.compile(entry["pattern"]) if "pattern" in entry else None,
        refused=frozenset(entry.get("refused", ())),
    )
