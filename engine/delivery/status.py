"""Status and lane of a delivery, and the lengths of the texts that identify one."""

from __future__ import annotations

from enum import IntEnum, StrEnum

KEY_LENGTH = 200  # Characters of a record's key at most

ITEM_NAME_LENGTH = 300  # Characters of an item's name that lists show

WORD_LENGTH = 60  # Characters of a word that a patient is found by

SEQUENCE_LENGTH = 120  # Characters of a sequence's name at most


class Status(StrEnum):
    """Where a delivery stands (design 3)."""

    BLOCKED = "blocked"
    QUEUED = "queued"
    SENDING = "sending"
    RETRYING = "retrying"
    UNSURE = "unsure"
    SENT = "sent"
    FAILED = "failed"
    IGNORED = "ignored"


class Lane(IntEnum):
    """What goes first (design 5, 7)."""

    TODAY = 0
    MENDED = 1
    BULK = 2
    BACKFILL = 3
