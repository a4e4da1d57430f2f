"""CPU time and memory of processes, as Linux counts them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int | str = "self") -> float:
    """Return the user and system time of all threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def backend_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes of one thread each; one that ended or is elsewhere counts 0."""
    return sum(_scheduled(Path(f"/proc/{pid}/schedstat")) for pid in pids) / 1e9


def _scheduled(path: Path) -> int:
    try:
        return int(path.read_text("ascii").split()[0])
    except FileNotFoundError:
        return 0


def memory(pid: int) -> int:
    """Return the process's own bytes plus its part of shared memory (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"the kernel does not tell the PSS of {pid}")
