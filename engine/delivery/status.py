"""Status and lane of a delivery, and the lengths of the texts that identify one."""

from __future__ import annotations

from enum import IntEnum, StrEnum

# Characters.
KEY_LENGTH = 200  # of a record's key
ITEM_NAME_LENGTH = 300  # of an item's name as lists show it
WORD_LENGTH = 60  # of a word in a search index
VALUE_LENGTH = 120  # of a value by which lists filter
SEQUENCE_LENGTH = 120  # of a sequence's name


class Status(StrEnum):
    """Status of a delivery."""

    BLOCKED = "blocked"  # waits for another record or for a code
    QUEUED = "queued"  # is due
    SENDING = "sending"  # claimed by a worker
    RETRYING = "retrying"  # failed for now, due again later
    UNSURE = "unsure"  # may have arrived: is searched for, or a person decides
    SENT = "sent"  # accepted by the upstream
    FAILED = "failed"  # a person has to mend something
    IGNORED = "ignored"  # set aside


class Lane(IntEnum):
    """Priority of a delivery; the smallest number is sent first."""

    TODAY = 0
    MENDED = 1
    BULK = 2
    BACKFILL = 3


# Added to the lane of a delivery whose type is paused: no claim reads these lanes; see engine.outbox.pauses.lanes.
PAUSED_LANES = 10
