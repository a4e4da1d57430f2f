"""Recognises identifiers of people (NIK, card numbers, phone numbers) in a text, and masks them."""

from __future__ import annotations

import re

BULLET = "•"
VISIBLE_DIGITS = 4  # at the end of an identifier
# The upstream's own numbers, which are no secret to the readers of these pages.
_KEPT = r"(?P<kept>\b[A-Z]\d{11}\b|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
# A NIK, a card number or a phone number, also after a letter or an escape such as %7C.
_SOLID = r"(?<!\d)\d{10,16}(?!\d)"
# A card number in groups of four, a mobile number with separators.
_SPACED = (
    r"(?<!\d)(?:\d{4}(?P<gap>[ .-])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|(?:\+?62[ .-]?|0)8\d{2}(?:[ .-]?\d){5,9})(?!\d)"
)
IDENTIFIER = re.compile(f"{_KEPT}|{_SPACED}|{_SOLID}")


def masked(text: str) -> str:
    """Return the text with every identifier masked; its length stays the same."""
    return IDENTIFIER.sub(hidden, text)


def hidden(match: re.Match[str]) -> str:
    """Return the mask of a match of IDENTIFIER, or the text itself if it is the upstream's own number."""
    return match["kept"] or BULLET * (len(match[0]) - VISIBLE_DIGITS) + match[0][-VISIBLE_DIGITS:]
