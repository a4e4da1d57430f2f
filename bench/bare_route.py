"""A Litestar application with a single route that inserts one row, served as Antar is, in its own process.

`python -m bench.bare_route DATABASE PORT`
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
import uvloop
from litestar import Litestar, Request, get, post

from bench.intake import make_bare_table
from engine.database.database import Database
from engine.database.transaction import Transaction

PATH = "/bare"


def make_app(database: Database) -> Litestar:
    """Return an application with nothing but the route and its health check."""

    @post(PATH, status_code=202)
    async def store(request: Request[Any, Any, Any]) -> dict[str, int]:
        record = (await request.body()).decode()
        await database.write(Transaction.insert, "bare", ("record",), [(record,)])
        return {"stored": 1}

    @get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    return Litestar([store, ready], openapi_config=None)


async def serve(database_url: str, port: int) -> None:
    """Serve until the process is ended."""
    database = Database(database_url)
    await make_bare_table(database)
    app = make_app(database)
    await uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False)).serve()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
