"""Recognises identifiers of people in a text, and masks them: NIK, card and phone numbers, and any that is known."""

from __future__ import annotations

import re
from functools import lru_cache

BULLET = "•"
VISIBLE_DIGITS = 4  # most, at the end of an identifier, of which at least half is hidden
REMEMBERED = 128  # patterns
# The upstream's own numbers, which are no secret to the readers of these pages.
_KEPT = r"(?P<kept>\b[A-Z]\d{11}\b|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
# A NIK, a card number or a phone number, also after a letter or an escape such as %7C.
_SOLID = r"(?<!\d)\d{10,16}(?!\d)"
# A card number in groups of four, a mobile number with separators.
_SPACED = (
    r"(?<!\d)(?:\d{4}(?P<gap>[ .-])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|(?:\+?62[ .-]?|0)8\d{2}(?:[ .-]?\d){5,9})(?!\d)"
)
# A known identifier is a word of its own, also after an escape such as %7C or \n.
_BEFORE, _AFTER = r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[a-z]))", r"(?![0-9A-Za-z])"
_FINAL_DIGITS = re.compile(r"\d*\Z")


@lru_cache(REMEMBERED)
def identifiers(known: tuple[str, ...] = ()) -> re.Pattern[str]:
    """Return the pattern of identifiers: the known ones, of whatever form, and those that any text may have."""
    words = "|".join(map(re.escape, known))
    return re.compile(f"{f'{_BEFORE}(?i:{words}){_AFTER}|' if known else ''}{_KEPT}|{_SPACED}|{_SOLID}")


def masked(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the text with every identifier masked; its length stays the same."""
    return identifiers(known).sub(hidden, text)


def hidden(match: re.Match[str]) -> str:
    """Return the mask of a match of `identifiers`, or the text itself if it is the upstream's own number."""
    if match["kept"]:
        return match["kept"]
    text = match[0]
    shown = _FINAL_DIGITS.search(text[-min(VISIBLE_DIGITS, len(text) // 2) :])
    digits = shown[0] if shown else ""
    return BULLET * (len(text) - len(digits)) + digits
