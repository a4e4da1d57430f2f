"""Faults of a clinic's database, as a person who can mend them understands them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from adapters.messages import message


class FaultKind(StrEnum):
    """Kind of a fault, which decides who can mend it."""

    AWAY = "away"  # no answer: the server or the network is down
    ENTRY = "entry"  # a credential that no server could take: a port that is no number, an unreadable certificate
    REFUSED = "refused"  # user or password, or the address from which the user comes
    DATABASE = "database"  # no such database
    RIGHT = "right"  # the user may not read a table
    TABLE = "table"  # no such table
    COLUMN = "column"  # no such column
    SLOW = "slow"  # a query outlived its patience and was ended
    QUERY = "query"  # the server refuses the query for another reason
    MARK = "mark"  # a watermark's column is no time and no whole number, or the rows are not in its order
    DRIVER = "driver"  # the extra with the driver is not installed


_WORDS: dict[FaultKind, Callable[[str], str]] = {
    FaultKind.AWAY: lambda name: message("source.away"),
    FaultKind.ENTRY: lambda name: message("source.entry"),
    FaultKind.REFUSED: lambda name: message("source.refused"),
    FaultKind.DATABASE: lambda name: message("source.database", name=name),
    FaultKind.RIGHT: lambda name: message("source.right", name=name),
    FaultKind.TABLE: lambda name: message("source.table", name=name),
    FaultKind.COLUMN: lambda name: message("source.column", name=name),
    FaultKind.SLOW: lambda name: message("source.slow"),
    FaultKind.QUERY: lambda name: message("source.query", words=name),
    FaultKind.MARK: lambda name: message("source.mark", name=name),
    FaultKind.DRIVER: lambda name: message("source.driver", name=name),
}


class HisFault(Exception):
    """A clinic's database cannot be read; str() is a message for people, without any value of a row."""

    def __init__(self, kind: FaultKind, name: str = "") -> None:
        super().__init__(_WORDS[kind](name))
        self.kind = kind
        self.name = name  # of the table, column or database, or the server's words on a query
