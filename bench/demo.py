"""The demo as `make demo` starts it, with its month of two clinics, for pictures of the panel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from admin.commands.demo import DemoLogin
from bench.processes import until
from bench.site import Installation
from engine.settings import ROOT
from sandbox.world import World

PATIENCE_SECONDS = 600.0  # longest wait for the month, and again for the dictionary of drugs
LAST_LINE = "All is on its way"
CONFIRMED = "SELECT COUNT(*) FROM items WHERE state = 'mapped'"
CALLED = "SELECT COUNT(*) FROM inbound_requests"


@contextmanager
def demo() -> Iterator[Installation]:
    """Yield the demo with everything sent, mapped and called for; it begins anew, at the address of `make demo`."""
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "admin", "demo"]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            address, user, password, key = _words(process)
            database = ROOT / "var" / "demo" / "antar.sqlite3"
            panel = Installation(address, World(), DemoLogin(user, password, key), database)
            until(lambda: all(panel.rows(query)[0][0] for query in (CONFIRMED, CALLED)), patience=PATIENCE_SECONDS)
            panel.settle()
            yield panel
        finally:
            process.terminate()


def _words(process: subprocess.Popen[str]) -> tuple[str, ...]:
    """Return address, user, password and API key, as the demo prints them once its records are handed in."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if LAST_LINE in line:
            break
    words = re.search(r"Antar +(\S+)\s+login +(\S+) / (\S+)\s+API key +(\S+)", printed)
    if words is None:
        raise SystemExit(f"the demo did not start:\n{printed}")
    return words.groups()
