"""Runs PostgreSQL's own programs; the password is passed in the environment, not on the readable command line."""

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
    """Run a program; raises AntarError with its error output, or if it is not installed."""
    path = shutil.which(tool)
    if path is None:
        raise AntarError(f"{tool} is not installed here; run it where it is: {tool} {' '.join(arguments)}")
    running = await asyncio.create_subprocess_exec(
        path, *arguments, env={**os.environ, **environment(url)}, stderr=asyncio.subprocess.PIPE
    )
    _, output = await running.communicate()
    if running.returncode:
        raise AntarError(f"{tool} failed: {output.decode('utf-8', 'replace').strip()[-500:]}")


def environment(url: URL) -> dict[str, str]:
    """Return a database address as the environment variables of libpq."""
    variables = {variable: str(getattr(url, part)) for part, variable in VARIABLES.items() if getattr(url, part)}
    if folder := url.query.get("host"):  # of the server's socket
        variables["PGHOST"] = str(folder)
    mode = url.query.get("sslmode") or url.query.get("ssl")
    return {**variables, "PGSSLMODE": str(mode)} if mode else variables
