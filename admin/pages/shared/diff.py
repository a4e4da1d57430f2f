"""Two texts side by side, line by line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 3
"""Equal lines that are shown before and after a difference."""
LONGEST = 4_000
"""Lines that are compared; longer texts cost too much."""
MAX_EQUAL_PAIRS = 500_000
"""Of a line here and a line there: beyond, lines that stand everywhere are no longer matched. Each costs 50 ns."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line: `kind` is equal, gone, new or gap (equal lines that are left out, `text` says how many)."""

    kind: str
    text: str


def differences(before: str, after: str) -> list[DiffLine] | None:
    """What is gone and what is new, with a little around it; empty if they are equal, None if they are too long."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > LONGEST:
        return None
    lines: list[DiffLine] = []
    end = 0
    counts = Counter(new)
    is_costly = sum(counts[line] for line in old) > MAX_EQUAL_PAIRS
    for group in SequenceMatcher(None, old, new, autojunk=is_costly).get_grouped_opcodes(AROUND):
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
