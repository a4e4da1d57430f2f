"""Static files: our own, and those that SQLAdmin ships (Tabler, its icons and fonts). No other host is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqladmin
from litestar.datastructures import CacheControlHeader
from litestar.file_system import BaseLocalFileSystem
from litestar.static_files import create_static_files_router
from litestar.types import PathType
from litestar.types.file_types import FileInfo

from admin.http.access import Right

FOLDERS = (Path(__file__).parents[1] / "static", Path(sqladmin.__file__).parent / "statics")


class StaticFileSystem(BaseLocalFileSystem):
    """The local file system, where a name that no file can have is treated as a missing file."""

    async def info(self, path: PathType, **options: Any) -> FileInfo:
        """Return the file's facts; raise FileNotFoundError."""
        try:
            return await super().info(path, **options)
        except (OSError, ValueError) as error:  # a NUL byte is a ValueError, a name too long an OSError
            raise FileNotFoundError(type(error).__name__) from error


def static_files() -> Any:
    """Return the routes under /static, open to everybody."""
    return create_static_files_router(
        path="/static",
        directories=[*FOLDERS],
        file_system=StaticFileSystem(),
        opt={"right": Right.OPEN},
        cache_control=CacheControlHeader(max_age=3600, public=True),
    )
