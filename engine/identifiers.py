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
# What has the form of one and can hardly be another number: a NIK (area, day of birth, more than 40 for women, and
# month), a card number, a mobile number.
_NIK = r"(?<!\d)[1-9][1-9]\d{4}(?:[04][1-9]|[1256]\d|[37][01])(?:0[1-9]|1[0-2])\d{6}(?!\d)"
_OF_FORM = rf"{_NIK}|(?<!\d)0\d{{12}}(?!\d)"
# A known identifier is a word of its own, also after an escape such as %7C or \n.
_BEFORE, _AFTER = r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[a-z]))", r"(?![0-9A-Za-z])"
_FINAL_DIGITS = re.compile(r"\d*\Z")


@lru_cache(REMEMBERED)
def identifiers(known: tuple[str, ...] = ()) -> re.Pattern[str]:
    """Return the pattern of identifiers: the known ones, of whatever form, and those that any text may have."""
    return re.compile(f"{_known(known)}{_KEPT}|{_SPACED}|{_SOLID}")


def _known(known: tuple[str, ...]) -> str:
    words = "|".join(map(re.escape, known))
    return f"{_BEFORE}(?i:{words}){_AFTER}|" if known else ""


@lru_cache(REMEMBERED)
def _of_form(known: tuple[str, ...] = ()) -> re.Pattern[str]:
    return re.compile(f"{_known(known)}{_KEPT}|{_SPACED}|{_OF_FORM}")


def masked_by_form(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the text with the known identifiers masked, and those whose form no other number has by chance."""
    return _of_form(known).sub(hidden, text)


def has_form(text: str) -> bool:
    """Return whether a text holds a number that has the form of an identifier."""
    return masked_by_form(text) != text


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
