"""Files that only their owner may read, regardless of the umask: databases, backups, keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import structlog

FILE_MODE, FOLDER_MODE = 0o600, 0o700
OTHERS_MODE = 0o077  # the bits of a mode that give access to others

log = structlog.get_logger(__name__)


def create_private(path: Path) -> None:
    """Create an empty file with mode 0600; raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)  # a umask may have removed the owner's own bits
    finally:
        os.close(descriptor)


def ensure_private(path: Path) -> None:
    """Create the file, or remove the access of others to an existing one. Raises OSError."""
    try:
        create_private(path)
    except FileExistsError:
        tighten(path)


def tighten(path: Path) -> None:
    """Remove the access of others to an existing file and log it; do nothing if the file does not exist."""
    try:
        before = stat.S_IMODE(path.stat().st_mode)
        if before & OTHERS_MODE:
            after = before & ~OTHERS_MODE
            path.chmod(after)
            log.warning("file_mode_tightened", file=path.name, before=f"{before:04o}", after=f"{after:04o}")
    except FileNotFoundError:
        return
    except OSError as error:  # another user's file, or a file system without modes
        log.warning("file_mode_not_tightened", file=path.name, problem=error.strerror)


def make_private_folder(path: Path) -> None:
    """Create a folder with mode 0700; an existing folder is not changed. Raises OSError."""
    path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
