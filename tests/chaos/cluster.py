"""A PostgreSQL server of the test's own, to be killed, started again and starved of disk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
BINARIES = INSTALLED[-1].parent if INSTALLED else None
ROOT = os.geteuid() == 0  # The server refuses to run as root, and only root can mount a disk.


class Cluster:
    """A server on its own port; `folder` may be a disk of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self._folder = folder
        self._options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._run("initdb", "-U", "postgres", "-A", "trust", "-N", "--wal-segsize=1")

    def start(self) -> None:
        """Start the server and return when it answers."""
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", self._options, "start")

    def kill(self) -> None:
        """Kill the server as a power cut would."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def ensure(self) -> None:
        """Start the server if it has ended by itself."""
        if not self.runs():
            self.start()

    def runs(self) -> bool:
        return self._run("pg_ctl", "status", check=False) == 0

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        assert BINARIES is not None
        who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if ROOT else {}
        command = [BINARIES / program, "-D", self._folder / "data", *arguments]
        return subprocess.run(
            command, cwd="/", check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who
        ).returncode


@contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """Yield a folder in which the server may write; pytest's folders belong to the user who runs it."""
    folder = Path(tempfile.mkdtemp(prefix="antar-"))
    if ROOT:
        shutil.chown(folder, "postgres", "postgres")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Yield a running server; it is killed at the end."""
    made = Cluster(folder)
    made.start()
    try:
        yield made
    finally:
        if made.runs():
            made.kill()


@contextmanager
def disk(megabytes: int) -> Iterator[Path]:
    """Yield a disk of this size, in memory; only root can mount it."""
    with folder_of_its_own() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
        try:
            shutil.chown(folder, "postgres", "postgres") if BINARIES else None
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no room on a disk; return the file that fills it."""
    path = folder / "full"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path
