"""PostgreSQL's own programs; the password goes in the environment, where nobody can read it."""

from __future__ import annotations

import asyncio
import os
import shutil

from sqlalchemy import URL

from engine.errors import AntarError

VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}


async def run(tool: str, url: URL, *arguments: str) -> None:
    """Raises AntarError with what the program says, or that it is not there."""
    path = shutil.which(tool)
    if path is None:
        raise AntarError(f"{tool} is not installed here; run it where it is: {tool} {' '.join(arguments)}")
    running = await asyncio.create_subprocess_exec(
        path, *arguments, env={**os.environ, **environment(url)}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await running.communicate()
    if running.returncode:
        raise AntarError(f"{tool} failed: {said.decode('utf-8', 'replace').strip()[-500:]}")


def environment(url: URL) -> dict[str, str]:
    """The address as libpq reads it."""
    found = {variable: str(getattr(url, part)) for part, variable in VARIABLES.items() if getattr(url, part)}
    mode = url.query.get("sslmode") or url.query.get("ssl")
    return {**found, "PGSSLMODE": str(mode)} if mode else found
