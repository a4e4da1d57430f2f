"""Faults of the configuration: all are reported at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Source:
    """A place in the configuration; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault: `message` names the error and, after a semicolon, its correction."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigFaults(Exception):
    """The configuration is invalid; `faults` are sorted by place, str() has one line for each."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class Faults:
    """Collects faults while the loader continues, so that one run reports all of them."""

    def __init__(self) -> None:
        self.reported: list[Fault] = []
        self._settled: set[tuple[str, int, int]] = set()

    def add(self, source: Source, path: str, message: str) -> None:
        """Add a fault, unless its place is settled."""
        if (source.file, source.line, source.column) not in self._settled:
            self.reported.append(Fault(source.file, source.line, source.column, path, message))

    def settle(self) -> None:
        """Accept no more faults at places that have one: the consequences of a fault would only confuse."""
        self._settled.update((fault.file, fault.line, fault.column) for fault in self.reported)

    def raise_if_any(self) -> None:
        """Raise ConfigFaults if there are any."""
        if self.reported:
            raise ConfigFaults(self.reported)


def did_you_mean(name: str, possible: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or the possible names if they are few, or nothing."""
    names = [str(candidate) for candidate in possible]
    near = get_close_matches(name, names, n=1, cutoff=0.7)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(sorted(names))}" if 0 < len(names) <= 12 else ""
