"""Identifiers of people in a text: hidden but for their last four digits, and put back after an edit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

BULLET = "•"
SHOWN = 4
"""Digits at the end that stay."""
_ORDINALS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_KEPT = r"(?P<kept>\b[A-Z]\d{11}\b|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
"""The upstream's own numbers, which are no secret to who reads here."""
_SOLID = r"(?<!\d)\d{10,16}(?!\d)"
"""A NIK, a card or a phone number; also behind a letter or an escape such as %7C."""
_SPACED = (
    r"(?<!\d)(?:\d{4}(?P<gap>[ .-])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|(?:\+?62[ .-]?|0)8\d{2}(?:[ .-]?\d){5,9})(?!\d)"
)
"""A card number in fours, a mobile number with separators."""
_IDENTIFIER = re.compile(f"{_KEPT}|{_SPACED}|{_SOLID}")
_MASK = re.compile(rf"[{_ORDINALS}]*{BULLET}{{2,}}\d*")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A hidden number in an edit that stands for none, or no longer; line and column count from 1."""

    line: int
    column: int
    text: str


def masked(text: str) -> str:
    """The text with every identifier hidden; its length stays."""
    return _IDENTIFIER.sub(_hidden, text)


class Masks:
    """Hides the identifiers of some texts so that each can be told from the others, and puts them back."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._masks: dict[str, str] = {}
        self._literal: set[str] = set()
        alike: Counter[str] = Counter()
        for text in texts:
            self._literal |= set(_MASK.findall(text))
            for found in _IDENTIFIER.finditer(text):
                if found["kept"] is None and found[0] not in self._masks:
                    mask = _hidden(found)
                    self._masks[found[0]] = _numbered(mask, alike[mask])
                    alike[mask] += 1
        self._originals = {mask: original for original, mask in self._masks.items()}

    def hide(self, text: str) -> str:
        """As `masked`; of those that would look alike the second and later carry a small number in front."""
        return _IDENTIFIER.sub(lambda found: self._masks.get(found[0]) or _hidden(found), text)

    def restore(self, text: str) -> tuple[str, list[Unknown]]:
        """The text with its identifiers, and what stands for none of them: it must not be sent."""
        unknown = []

        def original(found: re.Match[str]) -> str:
            known = self._originals.get(found[0])
            if known is None and found[0] not in self._literal:
                before = text[: found.start()]
                line = before.count("\n") + 1
                unknown.append(Unknown(line, found.start() - before.rfind("\n"), found[0]))
            return known or found[0]

        return _MASK.sub(original, text), unknown


def _hidden(found: re.Match[str]) -> str:
    return found["kept"] or BULLET * (len(found[0]) - SHOWN) + found[0][-SHOWN:]


def _numbered(mask: str, place: int) -> str:
    """As long as it was: positions of what follows it in a line stay right."""
    if not place:
        return mask
    digits = "".join(_ORDINALS[int(digit)] for digit in str(place + 1))
    return digits + mask[len(digits) :]
