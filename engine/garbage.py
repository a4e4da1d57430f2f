"""How often a process looks for objects that nobody can reach."""

from __future__ import annotations

import gc

RARELY = (20_000, 20, 20)
"""Objects made before the youngest are looked through, and looks before the older ones are.

Python begins at 700: a batch makes more, and each look through all that a loaded catalog holds stops the process
for a tenth of a second.
"""


def collect_rarely() -> None:
    """For processes that live long; what is not part of a circle goes at once all the same."""
    gc.set_threshold(*RARELY)
