"""Line-by-line difference of two texts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT_LINES = 3  # equal lines before and after a difference
MAX_LINES = 4_000  # comparing longer texts costs too much
# Pairs of equal lines, one from each text. Beyond this, very frequent lines are no longer matched. A pair costs 50 ns.
MAX_EQUAL_PAIRS = 500_000


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line: `kind` is equal, gone, new or gap (equal lines left out; `text` is their number)."""

    kind: str
    text: str


def differences(before: str, after: str) -> list[DiffLine] | None:
    """Return removed and new lines with a few equal lines as context; empty if equal, None if too long."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MAX_LINES:
        return None
    lines: list[DiffLine] = []
    end = 0
    counts = Counter(new)
    is_costly = sum(counts[line] for line in old) > MAX_EQUAL_PAIRS
    for group in SequenceMatcher(None, old, new, autojunk=is_costly).get_grouped_opcodes(CONTEXT_LINES):
        begin = group[0][1]
        if begin > end:
            lines.append(DiffLine("gap", str(begin - end)))
        for tag, i, j, k, m in group:
            if tag == "equal":
                lines += [DiffLine("equal", text) for text in old[i:j]]
            else:
                lines += [DiffLine("gone", text) for text in old[i:j]] + [DiffLine("new", text) for text in new[k:m]]
        end = group[-1][2]
    if lines and end < len(old):
        lines.append(DiffLine("gap", str(len(old) - end)))
    return lines
