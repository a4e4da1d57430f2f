"""Masks identifiers of people in a text so that the masks can be restored after an edit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from engine.identifiers import BULLET, hidden, identifiers

_ORDINALS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_MASK = re.compile(rf"(?:[{_ORDINALS}]+{BULLET}+|{BULLET}{{2,}})\d*")


@dataclass(frozen=True, slots=True)
class UnknownMask:
    """Mask in an edited text that stands for no identifier (any more); line and column count from 1."""

    line: int
    column: int
    text: str


class Masks:
    """Masks of the identifiers of some texts: each is different from the others, so that it can be restored.

    `known` are identifiers that no pattern recognises.
    """

    def __init__(self, texts: Iterable[str], known: tuple[str, ...] = ()) -> None:
        self._pattern = identifiers(known)
        self._masks: dict[str, str] = {}
        self._literal: set[str] = set()
        alike: Counter[str] = Counter()
        for text in texts:
            self._literal |= set(_MASK.findall(text))
            for match in self._pattern.finditer(text):
                if match["kept"] is None and match[0] not in self._masks:
                    mask = hidden(match)
                    self._masks[match[0]] = _numbered(mask, alike[mask])
                    alike[mask] += 1
        self._originals = {mask: original for original, mask in self._masks.items()}

    def hide(self, text: str) -> str:
        """Return the masked text; of masks that would look alike, all but the first begin with a small number."""
        return self._pattern.sub(lambda match: self._masks.get(match[0]) or hidden(match), text)

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


def _numbered(mask: str, place: int) -> str:
    """Return the mask with a number at its beginning, and the same length: columns in the rest of the line stay."""
    if not place:
        return mask
    digits = "".join(_ORDINALS[int(digit)] for digit in str(place + 1))
    return digits + mask[len(digits) :]
