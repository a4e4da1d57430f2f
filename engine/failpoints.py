"""Failpoints, where a test kills the process: ANTAR_FAILPOINT=name:n kills it when the n-th call reaches the point."""

from __future__ import annotations

import os
import signal

_name, _left = "", 0


def arm(setting: str) -> None:
    """Arm a failpoint given as `name:n`, and disarm the previous one; an empty text arms none."""
    global _name, _left
    _name, _, count = setting.partition(":")
    _left = int(count or 1)


def failpoint(name: str) -> None:
    """Kill the process if this point is armed and reached for the n-th time."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("ANTAR_FAILPOINT", ""))
