"""Masks identifiers of people in a text, except for their last four digits, and restores them after an edit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

BULLET = "•"
VISIBLE_DIGITS = 4  # at the end of an identifier
_ORDINALS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
# The upstream's own numbers, which are no secret to the readers of these pages.
_KEPT = r"(?P<kept>\b[A-Z]\d{11}\b|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
# A NIK, a card number or a phone number, also after a letter or an escape such as %7C.
_SOLID = r"(?<!\d)\d{10,16}(?!\d)"
# A card number in groups of four, a mobile number with separators.
_SPACED = (
    r"(?<!\d)(?:\d{4}(?P<gap>[ .-])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|(?:\+?62[ .-]?|0)8\d{2}(?:[ .-]?\d){5,9})(?!\d)"
)
_IDENTIFIER = re.compile(f"{_KEPT}|{_SPACED}|{_SOLID}")
_MASK = re.compile(rf"[{_ORDINALS}]*{BULLET}{{2,}}\d*")


@dataclass(frozen=True, slots=True)
class UnknownMask:
    """Mask in an edited text that stands for no identifier (any more); line and column count from 1."""

    line: int
    column: int
    text: str


def masked(text: str) -> str:
    """Return the text with every identifier masked; its length stays the same."""
    return _IDENTIFIER.sub(_hidden, text)


class Masks:
    """Masks of the identifiers of some texts: each is different from the others, so that it can be restored."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._masks: dict[str, str] = {}
        self._literal: set[str] = set()
        alike: Counter[str] = Counter()
        for text in texts:
            self._literal |= set(_MASK.findall(text))
            for match in _IDENTIFIER.finditer(text):
                if match["kept"] is None and match[0] not in self._masks:
                    mask = _hidden(match)
                    self._masks[match[0]] = _numbered(mask, alike[mask])
                    alike[mask] += 1
        self._originals = {mask: original for original, mask in self._masks.items()}

    def hide(self, text: str) -> str:
        """Return the masked text; of masks that would look alike, all but the first begin with a small number."""
        return _IDENTIFIER.sub(lambda match: self._masks.get(match[0]) or _hidden(match), text)

    def restore(self, text: str) -> tuple[str, list[UnknownMask]]:
        """Return the text with its identifiers, and the masks without one: with any of these it must not be sent."""
        unknown = []

        def original(match: re.Match[str]) -> str:
            identifier = self._originals.get(match[0])
            if identifier is None and match[0] not in self._literal:
                before = text[: match.start()]
                line = before.count("\n") + 1
                unknown.append(UnknownMask(line, match.start() - before.rfind("\n"), match[0]))
            return identifier or match[0]

        return _MASK.sub(original, text), unknown


def _hidden(match: re.Match[str]) -> str:
    return match["kept"] or BULLET * (len(match[0]) - VISIBLE_DIGITS) + match[0][-VISIBLE_DIGITS:]


def _numbered(mask: str, place: int) -> str:
    """Return the mask with a number at its beginning, and the same length: columns in the rest of the line stay."""
    if not place:
        return mask
    digits = "".join(_ORDINALS[int(digit)] for digit in str(place + 1))
    return digits + mask[len(digits) :]
