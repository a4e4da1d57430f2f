"""The cause of a failure as a short stable text, so that deliveries that failed alike can be counted together."""

from __future__ import annotations

import re
from enum import StrEnum

CAUSE_LENGTH = 200  # Characters of a cause at most; the column has room for no more
MESSAGE_LENGTH = 400  # Characters of a message that are looked at

ANY_OF = "|"  # Between the types of which any is waited for

_INDEX = re.compile(r"\[\d+\]")
_ASIDE = re.compile(r"\([^()]*\d[^()]*\)")  # Words in brackets with a number in them: a rule number, a time, a size
# What differs from record to record: quoted values, addresses, and any word with a digit in it.
_VARYING = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|‘[^’]*’|“[^”]*”|\w+://\S+|\S*[\d@…]\S*|\x00")


class CauseKind(StrEnum):
    """What kind of failure it was, the first part of a cause; beside these the verdicts of the adapters."""

    BLOCKED = "blocked"  # Another record has to be sent first
    CHECK = "check"  # Found wrong before anything was sent
    LOOKUP = "lookup"  # The search for it succeeded, and did not say which one it is
    UNSURE = "unsure"  # It may have arrived, and nothing here can tell
    LOST = "lost"  # Workers died with it
    BROKEN = "broken"  # Something of our own failed on it


def cause_text(kind: str, code: str | int | None = None, place: str | None = None, words: str | None = None) -> str:
    """`kind:code:words`, e.g. `rejected:10001:visit.period.end is missing`; parse_cause takes it apart.

    `place` is a path into what was sent. Of the words only the first problem counts, without what varies.
    """
    said = [normalised(place), normalised((words or "").split("; ", 1)[0])]
    if said[1].startswith(said[0]):
        del said[0]
    return f"{kind}:{str(code or '').replace(':', ' ')}:{' '.join(filter(None, said))}"[:CAUSE_LENGTH].rstrip()


def parse_cause(cause: str) -> tuple[str, str, str]:
    """(kind, code, words) of a cause."""
    kind, _, rest = cause.partition(":")
    code, _, words = rest.partition(":")
    return kind, code, words


def normalised(words: str | None) -> str:
    """The words without numbers, ids, quoted values, addresses and indexes."""
    if not words:
        return ""
    plain = _INDEX.sub("", words[:MESSAGE_LENGTH])
    plain = _VARYING.sub("#", _ASIDE.sub(" ", plain))
    return " ".join(plain.split())
