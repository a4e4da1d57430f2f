"""Causes of failures as short stable texts, so that deliveries that failed alike can be counted together."""

from __future__ import annotations

import re
from enum import StrEnum

from adapters.messages import ALL, AT, WORDS, read_message

CAUSE_LENGTH = 200  # characters; the column holds no more
MESSAGE_LENGTH = 400  # characters of a message that are used

ANY_OF = "|"  # between the types of a need that any of them satisfies

_INDEX = re.compile(r"\[\d+\]")
_ASIDE = re.compile(r"\([^()]*\d[^()]*\)")  # parentheses with a number: a rule number, a time, a size
# Parts that differ from record to record: quoted values, addresses, and any word with a digit in it.
_VARYING = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|‘[^’]*’|“[^”]*”|\w+://\S+|\S*[\d@…]\S*|\x00")


class CauseKind(StrEnum):
    """Kind of a failure, the first part of a cause; a cause may also begin with a verdict of the adapters."""

    BLOCKED = "blocked"  # another record has to be sent first
    CIRCLE = "circle"  # blocked by a record that waits for this one, directly or through others
    CHECK = "check"  # a problem was found before anything was sent
    LOOKUP = "lookup"  # the search succeeded and did not determine the record
    UNSURE = "unsure"  # the request may have arrived, and there is no way to find out
    LOST = "lost"  # workers died while sending
    BROKEN = "broken"  # an error of our own
    FOREIGN = "foreign"  # set aside: the upstream has the record under another organization


FOREIGN = f"{CauseKind.FOREIGN}::"  # the same cause for all such deliveries


def cause_text(kind: str, code: str | int | None = None, place: str | None = None, words: str | None = None) -> str:
    """Return `kind:code:words`, e.g. `rejected:10001:visit.period.end is missing`; parse_cause splits it again.

    `place` is a path into the request. Only the first problem in `words` is used, without the parts that vary; of a
    message its key and the upstream's words in it: `lookup::[find.several]`.
    """
    key, plain = _first_problem(words or "")
    parts = [normalised(place), plain]
    if parts[1].startswith(parts[0]):
        del parts[0]
    parts.insert(0, f"[{key}]" if key else "")
    return f"{kind}:{str(code or '').replace(':', ' ')}:{' '.join(filter(None, parts))}"[:CAUSE_LENGTH].rstrip()


def parse_cause(cause: str) -> tuple[str, str, str]:
    """Return (kind, code, words) of a cause."""
    kind, _, rest = cause.partition(":")
    code, _, words = rest.partition(":")
    return kind, code, words


def _first_problem(words: str) -> tuple[str, str]:
    """Return (keys of the message, normalised words) of the first problem in a stored text."""
    stored = read_message(words)
    if stored is None:
        return "", normalised(words.split("; ", 1)[0])
    texts = stored.values.get("texts") if stored.key == ALL else None
    if texts:
        return _first_problem(texts[0])
    key, plain = _first_problem(str(stored.values.get(WORDS, "")))
    path = normalised(str(stored.values.get("path", "")))
    own = "" if stored.key == AT else stored.key
    return " ".join(filter(None, (own, key))), ": ".join(filter(None, (path, plain)))


def normalised(words: str | None) -> str:
    """Return the words without numbers, ids, quoted values, addresses and indexes."""
    if not words:
        return ""
    plain = _INDEX.sub("", words[:MESSAGE_LENGTH])
    plain = _VARYING.sub("#", _ASIDE.sub(" ", plain))
    return " ".join(plain.split())
