"""Places where a test may kill the process: ANTAR_FAILPOINT=name:n ends it at the n-th passing."""

from __future__ import annotations

import os
import signal

_name, _left = "", 0


def arm(wanted: str) -> None:
    """From now on die at the n-th passing of `name:n`; with an empty text nowhere."""
    global _name, _left
    _name, _, count = wanted.partition(":")
    _left = int(count or 1)


def failpoint(name: str) -> None:
    """Die here if the environment says so."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("ANTAR_FAILPOINT", ""))
