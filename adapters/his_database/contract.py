"""Interface of a kind of database: its address, its read-only snapshot, and the meaning of its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.his_database.faults import HisFault

CONNECT_SECONDS = 10.0
Credentials = Mapping[str, str]  # host, port, database, user, password, ca


class Dialect(Protocol):
    """One kind of database."""

    def url(self, credentials: Credentials, *, writes: bool = False) -> URL:
        """Return the address for SQLAlchemy. Raises HisFault."""

    def arguments(self, credentials: Credentials) -> dict[str, Any]:
        """Return further arguments of the driver, such as TLS and the time for connecting."""

    async def begin(self, connection: AsyncConnection, patience: float) -> None:
        """Begin a read-only transaction that sees one moment; a query of more seconds is ended at the server."""

    def parameter(self, value: Any) -> Any:
        """Return a parameter as the driver takes it."""

    def fault(self, error: BaseException) -> HisFault:
        """Return what an error of the driver means."""
